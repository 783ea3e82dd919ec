local ref = require "tests.lib.ref"

return {
  def = function(c)
    local y = ref.new(ref.broadcast_shape(c.a.shape, c.b.shape))
    for i = 1, #y do
      local at = ref.where(y, i)
      local a, b = c.a[ref.broadcast(c.a, at)], c.b[ref.broadcast(c.b, at)]
      y[i] = (a ~= a or a < b) and a or b
    end
    return y
  end,
  cases = {
    { a = "f32[2,3,4]", b = "f32[2,3,4]" },
    { a = "f32[2,3,4]", b = "f32[4]" },
    { a = "f32[4]", b = "f32[2,3,4]" },
    { a = "f32[2,1,4]", b = "f32[3,1]" },
    { a = "f32[]", b = "f32[5]" },
    { a = "f32[300,16]", b = "f32[16]" },
    { a = "f32[3,2000]", b = "f32[3,1]" },
    { a = "f32[0,3]", b = "f32[3]" },
    { a = "f32[]", b = "f32[]" },
    { a = "i32[4]", b = "i32[3,4]" },
    { a = "i64[4]", b = "f32[4]" },
    { a = "bool[4]", b = "i32[4]" },
    { a = "i64[]", b = "i32[4]" },
  },
  errors = { { { a = "f32[2]", b = "f32[3]" }, "f32%[2%].*f32%[3%]" } },
}
