local ref = require "tests.lib.ref"

return {
  def = function(a)
    local shape = {}
    for i, s in ipairs(a.shape) do
      shape[i] = s == -1 and a.x.shape[i - (#a.shape - #a.x.shape)] or s
    end
    local y = ref.new(shape)
    for i = 1, #y do y[i] = a.x[ref.broadcast(a.x, ref.where(y, i))] end
    return y
  end,
  cases = {
    { x = "f32[2,1,4]", shape = { 2, 3, 4 } }, { x = "f32[2,1,4]", shape = { 5, -1, 3, -1 } },
    { x = "f32[]", shape = { 3 } },
    { x = "f32[1]", shape = { 0 } }, { x = "i64[3]", shape = { 2, 3 } }, { x = "f32[3]", shape = { 3 } },
  },
  errors = {
    { { x = "f32[2,3]", shape = { 2, 4 } }, "axis 2 has size 3 and cannot become 4" },
    { { x = "f32[2,3]", shape = { 3 } }, "has 1 axes, x already has 2" },
    { { x = "f32[3]", shape = { -1, 3 } }, "axis 1 would have size %-1" },
  },
}
