local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.new(a.shape, function(i) return a.x[a.at + i] end)
  end,
  cases = { { x = "f32[12]", at = 3, shape = { 2, 4 } }, { x = "u8[5]", at = 5, shape = { 0 } } },
  errors = {
    { { x = "f32[4]", at = 1, shape = { 4 } }, "4 elements from 1 on do not lie within 4" },
    { { x = "f32[2,2]", at = 0, shape = { 1 } }, "must be flat" },
  },
}
