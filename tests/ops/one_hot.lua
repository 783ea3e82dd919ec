local ref = require "tests.lib.ref"

return {
  def = function(a)
    local shape = { table.unpack(a.x.shape) }
    shape[#shape + 1] = a.classes
    local y = ref.new(shape)
    for i = 1, #a.x do y[(i - 1) * a.classes + a.x[i] + 1] = 1 end
    return y
  end,
  cases = {
    { x = "i64[2,3]", classes = 10 }, { x = "u8[5]", classes = 12 }, { x = "bool[4]", classes = 2 },
    { x = "i32[]", classes = 10 }, { x = "i64[0]", classes = 3 },
  },
  errors = {
    { { x = { shape = { 2, 2 }, dtype = "i64", fill = function(i) return i end }, classes = 3 },
      "index 3 at place %[2,1%] is outside 0 to 2" },
    { { x = "i64[2]", classes = 0 }, "classes must be 1 or more" },
    { { x = "f32[2]", classes = 3 }, "one_hot" },
  },
}
