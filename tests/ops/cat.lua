local ref = require "tests.lib.ref"

return {
  def = function(a)
    local shape = { table.unpack(a.xs[1].shape) }
    for k = 2, #a.xs do shape[a.dim] = shape[a.dim] + a.xs[k].shape[a.dim] end
    local y, offset = ref.new(shape), 0
    for _, x in ipairs(a.xs) do
      for i = 1, #x do
        local at = ref.where(x, i)
        at[a.dim] = at[a.dim] + offset
        y[ref.index(y, table.unpack(at))] = x[i]
      end
      offset = offset + x.shape[a.dim]
    end
    return y
  end,
  cases = {
    { xs = { "f32[2,3,4]", "f32[2,1,4]" }, dim = 2 }, { xs = { "f32[2,3]", "f32[1,3]", "f32[4,3]" } },
    { xs = { "f32[2,3]" }, dim = 2 }, { xs = { "f32[0,3]", "f32[2,3]" } }, { xs = { "i32[2]", "i64[3]" } },
    { xs = { "u8[2]", "f32[3]" } }, { xs = { "f32[3,500]", "f32[3,700]" }, dim = 2 },
    { xs = { "f32[90,1]", "f32[90,2]", "f32[90,4]", "f32[90,8]", "f32[90,16]" }, dim = 2 },
    { xs = { "u8[40,4]", "u8[40,64]", "u8[40,128]", "u8[40,3]" }, dim = 2 },
    { xs = { "f32[0]", "f32[0]" } },
  },
  errors = {
    { { xs = { "f32[2,3]", "f32[2,4]" } }, "tensor 2 differs.*f32%[2,3%].*f32%[2,4%]" },
    { { xs = { "f32[2]", "f32[2,1]" } }, "tensor 2 differs" },
  },
}
