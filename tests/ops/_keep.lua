local ref = require "tests.lib.ref"

return {
  def = function(c)
    local y = ref.new(ref.broadcast_shape(c.x.shape, c.cond.shape))
    for i = 1, #y do
      local at = ref.where(y, i)
      local a, b = c.x[ref.broadcast(c.x, at)], c.cond[ref.broadcast(c.cond, at)]
      y[i] = ((b ~= 0) == c.keep) and a or 0
    end
    return y
  end,
  cases = {
    { x = "f32[2,9]", cond = "bool[9]" },
    { x = "f32[2,9]", cond = "bool[2,9]", keep = false },
    { x = "f32[]", cond = "i32[3]" },
    { x = "f32[0]", cond = "bool[0]" },
  },
}
