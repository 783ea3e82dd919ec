local ref = require "tests.lib.ref"

return {
  def = function(a)
    local shape, known = {}, 1
    for i, s in ipairs(a.shape) do
      shape[i] = s
      if s ~= -1 then known = known * s end
    end
    for i, s in ipairs(shape) do
      if s == -1 then shape[i] = #a.x // known end
    end
    return ref.new(shape, function(i) return a.x[i] end)
  end,
  cases = {
    { x = "f32[2,3,4]", shape = { 6, 4 } }, { x = "f32[2,3,4]", shape = { -1 } },
    { x = "f32[2,3,4]", shape = { 4, -1, 2 } },
    { x = "f32[1]", shape = {} }, { x = "f32[]", shape = { 1, 1 } }, { x = "f32[0,3]", shape = { 3, 0 } },
    { x = "i64[6]", shape = { 2, 3 } }, { x = "bool[6]", shape = { 3, 2 } },
  },
  errors = {
    { { x = "f32[2,3]", shape = { 4 } }, "holds 4 elements, x has 6" },
    { { x = "f32[2,3]", shape = { -1, 4 } }, "6 elements do not divide into rows of 4" },
    { { x = "f32[2,3]", shape = { -1, -1 } }, "only one size can be %-1" },
    { { x = "f32[2,3]", shape = { -6, -1 } }, "cannot be %-6" },
    { { x = "f32[0]", shape = { 0, -1 } }, "do not divide" },
  },
}
