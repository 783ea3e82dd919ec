local ref = require "tests.lib.ref"
local special = require "tests.lib.special"
local inf, nan = 1 / 0, 0 / 0

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local x = a.x[i]
      return math.cos(x)
    end)
  end,
  cases = {
    { x = "f32[2,3,4]" },
    { x = "f32[]" },
    { x = "f32[0,3]" },
    { x = "f32[3000]" },
  },
  more = {
    special("cos", { nan, inf, 1e5, 3e6, -2^23 }, { nan, nan, math.cos(1e5), math.cos(3e6),
      math.cos(-2^23) }),
  },
}
