local ref = require "tests.lib.ref"

return {
  def = function(a)
    local y = ref.like(a.x)
    for i = 1, #y do y[i] = a.x[i] > 0 and a.x[i] or a.slope * a.x[i] end
    return y
  end,
  cases = { { x = "f32[2,3,4]" }, { x = "f32[5]", slope = 0.3 }, { x = "f32[0,3]" } },
}
