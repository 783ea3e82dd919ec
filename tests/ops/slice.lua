local ref = require "tests.lib.ref"

return {
  def = function(a)
    local n, d = a.x.shape[a.dim], a.dim
    local start = a.start < 0 and n + a.start + 1 or a.start
    local stop = not a.stop and n or a.stop < 0 and n + a.stop + 1 or a.stop
    local shape = { table.unpack(a.x.shape) }
    shape[d] = stop < start and 0 or (stop - start) // a.step + 1
    local y = ref.new(shape)
    for i = 1, #y do
      local at = ref.where(y, i)
      at[d] = start + (at[d] - 1) * a.step
      y[i] = a.x[ref.index(a.x, table.unpack(at))]
    end
    return y
  end,
  cases = {
    { x = "f32[2,5,4]", dim = 2, start = 2, stop = 4 },
    { x = "f32[2,5,4]", dim = 2, start = 1, stop = -1, step = 2 },
    { x = "f32[7]", dim = 1, start = -3 }, { x = "f32[7]", dim = 1, start = 3, stop = 2 },
    { x = "f32[7]", dim = 1, start = 8 },
    { x = "f32[0,3]", dim = 2, start = 2 }, { x = "bool[7]", dim = 1, start = 7, stop = 7 },
    { x = "i32[3,4]", dim = 1, start = 2, step = 5 },
  },
  errors = {
    { { x = "f32[4]", dim = 1, start = 6 }, "start 6 is outside axis 1 of size 4" },
    { { x = "f32[4]", dim = 1, start = 0 }, "start 0 is outside" },
    { { x = "f32[4]", dim = 1, start = 1, stop = 5 }, "stop 5 is outside axis 1 of size 4" },
    { { x = "f32[4]", dim = 1, start = 1, stop = 2, step = 0 }, "step must be 1 or more, not 0" },
  },
}
