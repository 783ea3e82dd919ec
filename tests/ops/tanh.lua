local ref = require "tests.lib.ref"
local special = require "tests.lib.special"
local inf, nan = 1 / 0, 0 / 0

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local x = a.x[i]
      return 1 - 2 / (math.exp(2 * x) + 1)
    end)
  end,
  cases = {
    { x = "f32[2,3,4]" },
    { x = "f32[]" },
    { x = "f32[0,3]" },
    { x = "f32[3000]" },
  },
  more = {
    special("tanh", { nan, inf, -inf, 100, 1e-20 }, { nan, 1, -1, 1, 1e-20 }),
  },
}
