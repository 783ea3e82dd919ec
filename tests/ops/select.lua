local ref = require "tests.lib.ref"

return {
  def = function(a)
    local index = a.index < 0 and a.x.shape[a.dim] + a.index + 1 or a.index
    local shape = { table.unpack(a.x.shape) }
    table.remove(shape, a.dim)
    local y = ref.new(shape)
    for i = 1, #y do
      local at = ref.where(y, i)
      table.insert(at, a.dim, index)
      y[i] = a.x[ref.index(a.x, table.unpack(at))]
    end
    return y
  end,
  cases = {
    { x = "f32[2,5,4]", dim = 2, index = 3 }, { x = "f32[2,5,4]", dim = 3, index = -1 },
    { x = "f32[4]", dim = 1, index = 1 },
    { x = "f32[0,3]", dim = 2, index = 2 }, { x = "i64[3,4]", dim = 1, index = 2 },
  },
  errors = {
    { { x = "f32[4]", dim = 1, index = 5 }, "index 5 is outside axis 1 of size 4" },
    { { x = "f32[4]", dim = 1, index = 0 }, "index 0 is outside" },
  },
}
