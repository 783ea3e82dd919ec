local ref = require "tests.lib.ref"

local function turn(x, p, q) -- one quarter turn
  local shape = { table.unpack(x.shape) }
  shape[p], shape[q] = shape[q], shape[p]
  return ref.new(shape, function(i)
    local at = ref.where({ shape = shape }, i)
    at[p], at[q] = at[q], x.shape[q] + 1 - at[p]
    return x[ref.index(x, table.unpack(at))]
  end)
end

return {
  def = function(a)
    local y = ref.like(a.x, function(i) return a.x[i] end)
    for _ = 1, a.k % 4 do y = turn(y, a.dim1, a.dim2) end
    return y
  end,
  cases = {
    { x = "f32[2,3,4]", dim1 = 1, dim2 = 2 }, { x = "f32[2,3,4]", dim1 = 3, dim2 = 1, k = 2 },
    { x = "f32[2,3]", dim1 = 1, dim2 = 2, k = 3 }, { x = "f32[2,3]", dim1 = 1, dim2 = 2, k = -1 },
    { x = "f32[2,3]", dim1 = 2, dim2 = 1, k = 4 }, { x = "f32[0,3]", dim1 = 1, dim2 = 2 },
    { x = "u8[3,4]", dim1 = 1, dim2 = 2 },
  },
  errors = { { { x = "f32[2,3]", dim1 = 2, dim2 = 2 }, "both axis 2" } },
}
