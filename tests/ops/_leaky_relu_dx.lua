local ref = require "tests.lib.ref"

return {
  def = function(a)
    local dx = ref.like(a.x)
    for i = 1, #dx do dx[i] = a.x[i] > 0 and a.dy[i] or a.slope * a.dy[i] end
    return dx
  end,
  cases = { { dy = "f32[2,3,4]", x = "f32[2,3,4]" }, { dy = "f32[5]", x = "f32[5]", slope = 0.3 } },
  grad = false,
}
