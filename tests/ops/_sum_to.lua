local ref = require "tests.lib.ref"

return {
  def = function(a)
    local y = ref.new(a.shape)
    for i = 1, #a.x do
      local at = ref.broadcast(y, ref.where(a.x, i))
      y[at] = y[at] + a.x[i]
    end
    return y
  end,
  cases = {
    { x = "f32[2,3,4]", shape = { 4 } }, { x = "f32[2,3,4]", shape = { 2, 1, 4 } },
    { x = "f32[2,3,4]", shape = { 1, 1 } },
    { x = "f32[2,3,4]", shape = {} }, { x = "f32[2,3,4]", shape = { 2, 3, 4 } },
    { x = "f32[500,16]", shape = { 16 } },
    { x = "f32[0,3]", shape = { 3 } }, { x = "f32[7,300]", shape = { 7, 1 } },
  },
  errors = { { { x = "f32[2,3]", shape = { 2 } }, "not a broadcast" } },
}
