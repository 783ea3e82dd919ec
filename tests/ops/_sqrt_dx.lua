local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.dy, function(i)
      local dy, y = a.dy[i], a.y[i]
      return 0.5 * dy / y
    end)
  end,
  cases = {
    { dy = "f32[2,3]", y = { shape = { 2, 3 }, fill = function(i) return 0.3 * i end } },
    { dy = "f32[0]", y = "f32[0]" },
  },
}
