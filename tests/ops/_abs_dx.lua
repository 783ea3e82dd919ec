local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.dy, function(i)
      local dy, x = a.dy[i], a.x[i]
      return x > 0 and dy or x < 0 and -dy or 0
    end)
  end,
  cases = {
    { dy = "f32[2,3,4]", x = "f32[2,3,4]" },
    { dy = "f32[]", x = "f32[]" },
    { dy = "f32[0,3]", x = "f32[0,3]" },
    { dy = "f32[3000]", x = "f32[3000]" },
  },
}
