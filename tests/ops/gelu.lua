local normal = require "tests.lib.normal"
local ref = require "tests.lib.ref"
local special = require "tests.lib.special"
local inf, nan = 1 / 0, 0 / 0

return {
  def = function(a)
    return ref.like(a.x, function(i) return a.x[i] ~= a.x[i] and a.x[i] or a.x[i] * normal(a.x[i]) end)
  end,
  cases = {
    { x = "f32[2,3,4]" },
    { x = "f32[]" },
    { x = "f32[0,3]" },
    { x = "f32[1500]" },
    { x = "f32[9001]" }, -- more than one block
  },
  more = {
    special("gelu", { nan, inf, -inf, -20, 20, -6 }, { nan, inf, 0, 0, 20, -6 * 9.865876450376946e-10 }),
  },
}
