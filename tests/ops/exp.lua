local ref = require "tests.lib.ref"
local special = require "tests.lib.special"
local inf, nan = 1 / 0, 0 / 0

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local x = a.x[i]
      return math.exp(x)
    end)
  end,
  cases = {
    { x = "f32[2,3,4]" },
    { x = "f32[]" },
    { x = "f32[0,3]" },
    { x = "f32[3000]" },
  },
  more = {
    special("exp", { nan, inf, -inf, -104, 88, -80 }, { nan, inf, 0, 0, math.exp(88), math.exp(-80) }),
  },
}
