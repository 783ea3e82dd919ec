local ref = require "tests.lib.ref"

return {
  def = function(c)
    local y = ref.new(ref.broadcast_shape(c.a.shape, c.b.shape))
    for i = 1, #y do
      local at = ref.where(y, i)
      local a, b = c.a[ref.broadcast(c.a, at)], c.b[ref.broadcast(c.b, at)]
      y[i] = (a ~= 0 or b ~= 0) and 1 or 0
    end
    return y
  end,
  cases = {
    { a = "bool[2,9]", b = "bool[9]" },
    { a = "i32[40]", b = "bool[40]" },
    { a = "f32[3]", b = "u8[3]" },
    { a = "bool[0]", b = "bool[]" },
  },
  errors = { { { a = "f32[2]", b = "f32[3]" }, "f32%[2%].*f32%[3%]" } },
}
