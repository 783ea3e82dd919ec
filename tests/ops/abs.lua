local ref = require "tests.lib.ref"
local special = require "tests.lib.special"
local inf, nan = 1 / 0, 0 / 0

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local x = a.x[i]
      return math.abs(x)
    end)
  end,
  cases = {
    { x = "f32[2,3,4]" },
    { x = "f32[]" },
    { x = "f32[0,3]" },
    { x = "f32[3000]" },
    { x = "i32[2,5]" },
    { x = "i64[4]" },
    { x = "u8[7]" },
  },
  more = {
    special("abs", { nan, inf, -inf, -0.0 }, { nan, inf, inf, 0 }),
  },
}
