local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.dy, function(i)
      local dy, x = a.dy[i], a.x[i]
      return (not a.lo or x >= a.lo) and (not a.hi or x <= a.hi) and dy or 0
    end)
  end,
  cases = {
    { dy = "f32[2,30]", x = "f32[2,30]", lo = -0.5, hi = 0.5 },
    { dy = "f32[9]", x = "f32[9]", hi = 0 },
    { dy = "f32[9]", x = "f32[9]", lo = 0 },
    { dy = "f32[0]", x = "f32[0]" },
  },
}
