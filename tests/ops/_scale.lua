local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local x = a.x[i]
      return a.value * x
    end)
  end,
  cases = {
    { x = "f32[2,3]", value = 2.5 },
    { x = "f32[]", value = -1 },
    { x = "f32[0]", value = 0 },
    { x = "f32[3000]", value = 0.1 },
  },
}
