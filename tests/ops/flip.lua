local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local at, turned = ref.where(a.x, i), {}
      for _, d in ipairs(a.dims) do
        if not turned[d] then at[d] = a.x.shape[d] + 1 - at[d] end
        turned[d] = true
      end
      return a.x[ref.index(a.x, table.unpack(at))]
    end)
  end,
  cases = {
    { x = "f32[2,3,4]", dims = { 2 } }, { x = "f32[2,3,4]", dims = { 1, 3 } },
    { x = "f32[5]", dims = { 1 } },
    { x = "f32[0,3]", dims = { 1 } }, { x = "u8[3,4]", dims = { 2, 1 } }, { x = "f32[4]", dims = {} },
    { x = "f32[50,60]", dims = { 1, 2 } }, { x = "f32[4]", dims = { 1, 1 } },
  },
}
