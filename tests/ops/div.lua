local ref = require "tests.lib.ref"

local function positive(shape)
  return { shape = shape, fill = function(i) return 0.5 + i % 7 end }
end

return {
  def = function(c)
    local y = ref.new(ref.broadcast_shape(c.a.shape, c.b.shape))
    for i = 1, #y do
      local at = ref.where(y, i)
      local a, b = c.a[ref.broadcast(c.a, at)], c.b[ref.broadcast(c.b, at)]
      y[i] = a / b
    end
    return y
  end,
  cases = {
    { a = "f32[2,3]", b = positive { 2, 3 } },
    { a = "f32[2,3]", b = positive { 3 } },
    { a = "f32[3]", b = positive { 2, 3 } },
    { a = "f32[]", b = positive {} },
    { a = "f32[0]", b = "f32[]" },
    { a = "i32[3]", b = { shape = { 3 }, dtype = "i32", fill = function(i) return i end } },
    { a = "f32[2000]", b = positive { 2000 } },
  },
  errors = { { { a = "f32[2]", b = "f32[3]" }, "f32%[2%].*f32%[3%]" } },
  half = 3e-2,
}
