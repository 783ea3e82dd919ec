local ref = require "tests.lib.ref"

local function positive(shape)
  return { shape = shape, fill = function(i) return 0.5 + i % 7 end }
end

local function constant(v)
  return { shape = {}, fill = function() return v end }
end

return {
  def = function(c)
    local shape = ref.broadcast_shape(ref.broadcast_shape(c.dy.shape, c.a.shape), c.b.shape)
    local y = ref.new(shape)
    for i = 1, #y do
      local at = ref.where(y, i)
      local dy, a = c.dy[ref.broadcast(c.dy, at)], c.a[ref.broadcast(c.a, at)]
      local b = c.b[ref.broadcast(c.b, at)]
      y[i] = dy * b * a ^ (b - 1)
    end
    return y
  end,
  cases = {
    { dy = "f32[2,3]", a = positive { 2, 3 }, b = "f32[2,3]" },
    { dy = "f32[7]", a = positive { 7 }, b = constant(2) },
    { dy = "f32[0]", a = "f32[0]", b = "f32[]" },
  },
  half = 6e-2,
}
