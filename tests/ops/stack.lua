local ref = require "tests.lib.ref"

return {
  def = function(a)
    local shape = { table.unpack(a.xs[1].shape) }
    local dim = a.dim < 0 and #shape + 2 + a.dim or a.dim
    table.insert(shape, dim, #a.xs)
    local y = ref.new(shape)
    for i = 1, #y do
      local at = ref.where(y, i)
      local x = a.xs[table.remove(at, dim)]
      y[i] = x[ref.index(x, table.unpack(at))]
    end
    return y
  end,
  cases = {
    { xs = { "f32[3,4]", "f32[3,4]" } }, { xs = { "f32[3,4]", "f32[3,4]", "f32[3,4]" }, dim = 2 },
    { xs = { "f32[3,4]", "f32[3,4]" }, dim = -1 }, { xs = { "f32[]", "f32[]" } },
    { xs = { "f32[0]", "f32[0]" } },
    { xs = { "bool[3]", "i32[3]" }, dim = 2 }, { xs = { "f32[5]" } },
  },
  errors = {
    { { xs = { "f32[2]", "f32[3]" } }, "tensor 2 has another shape.*f32%[2%].*f32%[3%]" },
    { { xs = { "f32[2]", "f32[2]" }, dim = 3 }, "dim 3 is outside 1 to 2" },
  },
}
