local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local at = ref.where(a.x, i)
      at[a.dim] = (at[a.dim] - 1 - a.shift) % a.x.shape[a.dim] + 1
      return a.x[ref.index(a.x, table.unpack(at))]
    end)
  end,
  cases = {
    { x = "f32[2,5,4]", dim = 2, shift = 2 }, { x = "f32[2,5,4]", dim = 1, shift = -1 },
    { x = "f32[5]", dim = 1, shift = 12 },
    { x = "f32[0,3]", dim = 1, shift = 1 }, { x = "i64[6]", dim = 1, shift = 0 },
  },
}
