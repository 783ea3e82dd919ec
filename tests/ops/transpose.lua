local ref = require "tests.lib.ref"

return {
  def = function(a)
    local shape = { table.unpack(a.x.shape) }
    shape[a.dim1], shape[a.dim2] = shape[a.dim2], shape[a.dim1]
    local y = ref.new(shape)
    for i = 1, #a.x do
      local at = ref.where(a.x, i)
      at[a.dim1], at[a.dim2] = at[a.dim2], at[a.dim1]
      y[ref.index(y, table.unpack(at))] = a.x[i]
    end
    return y
  end,
  cases = {
    { x = "f32[2,3,4]", dim1 = 1, dim2 = 3 }, { x = "f32[2,3]", dim1 = 2, dim2 = 2 },
    { x = "f32[0,3]", dim1 = 1, dim2 = 2 }, { x = "i32[40,50]", dim1 = 2, dim2 = 1 },
  },
  errors = { { { x = "f32[2,3]", dim1 = 1, dim2 = 3 }, "transpose" } },
}
