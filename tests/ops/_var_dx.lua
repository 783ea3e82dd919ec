local ref = require "tests.lib.ref"

return {
  def = function(c)
    local shape = ref.broadcast_shape(ref.broadcast_shape(c.dy.shape, c.x.shape), c.mean.shape)
    local y = ref.new(shape)
    for i = 1, #y do
      local at = ref.where(y, i)
      local dy, x = c.dy[ref.broadcast(c.dy, at)], c.x[ref.broadcast(c.x, at)]
      local mean = c.mean[ref.broadcast(c.mean, at)]
      y[i] = c.scale * dy * (x - mean)
    end
    return y
  end,
  cases = {
    { dy = "f32[2,1]", x = "f32[2,5]", mean = "f32[2,1]", scale = 0.4 },
    { dy = "f32[5]", x = "f32[5]", mean = "f32[]", scale = 2 },
    { dy = "f32[0]", x = "f32[0]", mean = "f32[]", scale = 2 },
  },
}
