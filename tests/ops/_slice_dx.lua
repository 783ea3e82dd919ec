local ref = require "tests.lib.ref"

return {
  def = function(a)
    local dx = ref.new(a.shape)
    for i = 1, #a.dy do
      local at = ref.where(a.dy, i)
      at[a.dim] = a.start + (at[a.dim] - 1) * a.step + 1
      dx[ref.index(dx, table.unpack(at))] = a.dy[i]
    end
    return dx
  end,
  cases = {
    { dy = "f32[2,2,3]", shape = { 2, 5, 3 }, dim = 2, start = 1, step = 2 },
    { dy = "f32[2]", shape = { 4 }, dim = 1, start = 2 },
    { dy = "f32[0]", shape = { 3 }, dim = 1, start = 0 },
    { dy = "f32[4]", shape = { 4 }, dim = 1, start = 0 },
  },
  errors = { { { dy = "f32[2]", shape = { 4 }, dim = 1, start = 3 }, "not a slice" } },
}
