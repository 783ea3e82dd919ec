local ref = require "tests.lib.ref"

return {
  def = function(a) return ref.like(a.x, function(i) return a.x[i] end) end,
  cases = {
    { x = "f32[2,3,4]" }, { x = "f32[]" }, { x = "f32[0,3]" }, { x = "f32[40,70,3]" },
    { x = "i64[5,6]" }, { x = "i32[5,6]" }, { x = "u8[33,34]" }, { x = "bool[3]" },
  },
}
