local ref = require "tests.lib.ref"

return {
  def = function(c)
    local y = ref.new(ref.broadcast_shape(c.a.shape, c.b.shape))
    for i = 1, #y do
      local at = ref.where(y, i)
      local a, b = c.a[ref.broadcast(c.a, at)], c.b[ref.broadcast(c.b, at)]
      y[i] = a > b and 1 or 0
    end
    return y
  end,
  cases = {
    { a = "f32[2,3,4]", b = "f32[2,3,4]" },
    { a = "f32[2,3,4]", b = "f32[4]" },
    { a = "f32[4]", b = "f32[2,3,4]" },
    { a = "f32[2,1,4]", b = "f32[3,1]" },
    { a = "f32[]", b = "f32[5]" },
    { a = "f32[0,3]", b = "f32[3]" },
    { a = "f32[]", b = "f32[]" },
    { a = "i32[40]", b = "i32[40]" },
    { a = "u8[40]", b = "f32[40]" },
    { a = "bool[9]", b = "bool[9]" },
    { a = { shape = { 2 }, fill = function() return 0 / 0 end }, b = "f32[2]" },
  },
  errors = { { { a = "f32[2]", b = "f32[3]" }, "f32%[2%].*f32%[3%]" } },
}
