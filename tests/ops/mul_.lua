local ref = require "tests.lib.ref"

return {
  def = function(a) return ref.like(a.x, function(i) return a.x[i] * a.value end) end,
  cases = {
    { x = "f32[2,3,4]", value = 0.3 }, { x = "f32[]", value = 2 }, { x = "f32[0,3]", value = 2 },
    { x = "f32[3000]", value = -1.5 },
  },
}
