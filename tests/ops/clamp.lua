local ref = require "tests.lib.ref"
local special = require "tests.lib.special"
local inf, nan = 1 / 0, 0 / 0

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local x = a.x[i]
      return a.lo and x < a.lo and a.lo or a.hi and x > a.hi and a.hi or x
    end)
  end,
  cases = {
    { x = "f32[2,3,4]", lo = -0.5, hi = 0.5 },
    { x = "f32[30]", lo = 0 },
    { x = "f32[30]", hi = 0.25 },
    { x = "f32[30]" },
    { x = "i32[20]", lo = 2, hi = 5 },
    { x = "u8[20]", hi = 5 },
    { x = "f32[0]", lo = 1 },
  },
  errors = { { { x = "f32[2]", lo = 2, hi = 1 }, "lo 2 is above hi 1" } },
  more = {
    special("clamp", { nan, inf, -inf }, { nan, 2, -1 }, { lo = -1, hi = 2 }),
  },
}
