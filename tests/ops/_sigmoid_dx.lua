local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.dy, function(i)
      local dy, y = a.dy[i], a.y[i]
      return dy * y * (1 - y)
    end)
  end,
  cases = {
    { dy = "f32[2,3,4]", y = "f32[2,3,4]" },
    { dy = "f32[]", y = "f32[]" },
    { dy = "f32[0,3]", y = "f32[0,3]" },
    { dy = "f32[3000]", y = "f32[3000]" },
  },
}
