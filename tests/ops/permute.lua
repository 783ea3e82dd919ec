local ref = require "tests.lib.ref"

return {
  def = function(a)
    local shape = {}
    for i, d in ipairs(a.dims) do shape[i] = a.x.shape[d] end
    local y = ref.new(shape)
    for i = 1, #a.x do
      local at, to = ref.where(a.x, i), {}
      for k, d in ipairs(a.dims) do to[k] = at[d] end
      y[ref.index(y, table.unpack(to))] = a.x[i]
    end
    return y
  end,
  cases = {
    { x = "f32[2,3,4]", dims = { 3, 1, 2 } }, { x = "f32[2,3,4]", dims = { 1, 2, 3 } },
    { x = "f32[5]", dims = { 1 } },
    { x = "f32[]", dims = {} }, { x = "f32[0,3]", dims = { 2, 1 } }, { x = "u8[2,3]", dims = { 2, 1 } },
    { x = "f32[33,2,70]", dims = { 3, 2, 1 } },
  },
  errors = {
    { { x = "f32[2,3]", dims = { 1 } }, "lists 1 axes, x has 2" },
    { { x = "f32[2,3]", dims = { 1, 1 } }, "axis 1 twice" },
    { { x = "f32[2,3]", dims = { 1, 3 } }, "permute" },
  },
}
