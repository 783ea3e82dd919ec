local ref = require "tests.lib.ref"

return {
  def = function(c)
    local shape = ref.broadcast_shape(ref.broadcast_shape(c.cond.shape, c.a.shape), c.b.shape)
    local y = ref.new(shape)
    for i = 1, #y do
      local at = ref.where(y, i)
      local cond, a = c.cond[ref.broadcast(c.cond, at)], c.a[ref.broadcast(c.a, at)]
      local b = c.b[ref.broadcast(c.b, at)]
      y[i] = cond ~= 0 and a or b
    end
    return y
  end,
  cases = {
    { cond = "bool[2,3]", a = "f32[2,3]", b = "f32[2,3]" },
    { cond = "bool[3]", a = "f32[2,1]", b = "f32[]" },
    { cond = "bool[2,3]", a = "f32[]", b = "f32[3]" },
    { cond = "i32[20]", a = "i32[20]", b = "i64[20]" },
    { cond = "u8[20]", a = "f32[20]", b = "i32[20]" },
    { cond = "bool[0]", a = "f32[0]", b = "f32[]" },
    { cond = "bool[2000]", a = "f32[2000]", b = "f32[2000]" },
  },
  errors = { { { cond = "bool[2]", a = "f32[3]", b = "f32[]" }, "bool%[2%].*f32%[3%]" } },
}
