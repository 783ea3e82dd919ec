local ref = require "tests.lib.ref"

return {
  def = function(a)
    local shape = { table.unpack(a.x.shape) }
    table.insert(shape, a.dim < 0 and #shape + 2 + a.dim or a.dim, 1)
    return ref.new(shape, function(i) return a.x[i] end)
  end,
  cases = {
    { x = "f32[3,4]", dim = 1 }, { x = "f32[3,4]", dim = 3 }, { x = "f32[3,4]", dim = -1 },
    { x = "f32[3,4]", dim = -2 },
    { x = "f32[]", dim = 1 }, { x = "f32[0]", dim = 1 }, { x = "i32[4]", dim = 2 },
  },
  errors = {
    { { x = "f32[3]", dim = 3 }, "dim 3 is outside 1 to 2" },
    { { x = "f32[1,1,1,1,1,1,1,1]", dim = 1 }, "8 axes" },
  },
}
