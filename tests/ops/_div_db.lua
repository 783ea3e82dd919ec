local ref = require "tests.lib.ref"

local function positive(shape)
  return { shape = shape, fill = function(i) return 0.5 + i % 7 end }
end

return {
  def = function(c)
    local shape = ref.broadcast_shape(ref.broadcast_shape(c.dy.shape, c.y.shape), c.b.shape)
    local out = ref.new(shape)
    for i = 1, #out do
      local at = ref.where(out, i)
      local dy, y = c.dy[ref.broadcast(c.dy, at)], c.y[ref.broadcast(c.y, at)]
      local b = c.b[ref.broadcast(c.b, at)]
      out[i] = -dy * y / b
    end
    return out
  end,
  cases = {
    { dy = "f32[2,3]", y = "f32[2,3]", b = positive { 2, 3 } },
    { dy = "f32[2,3]", y = "f32[2,3]", b = positive { 3 } },
    { dy = "f32[0]", y = "f32[0]", b = "f32[]" },
  },
  half = 3e-2,
}
