local conv = require "tests.lib.convref"

return {
  def = function(a) return conv.backward(a, 3, a.dy, conv.per_axis(a.size, 3)) end,
  cases = {
    { dy = "f32[1,3,4,5,4]", weight = "f32[4,3,3,3,3]", size = { 3, 4, 5 }, pad = 1 },
    { dy = "f32[2,3,3,3,16]", weight = "f32[16,16,3,3,3]", size = { 5, 6, 5 }, pad = 1, stride = 2 },
    { dy = "f32[1,2,3,4,34]", weight = "f32[34,1,3,3,3]", size = { 3, 5, 8 }, pad = 1,
      stride = 2, groups = 34 },
    { dy = "f32[1,2,3,4,5]", weight = "f32[5,7,1,1,1]", size = { 2, 3, 4 } },
    { dy = "f32[1,4,15,18,16]", weight = "f32[16,8,1,3,3]", size = { 4, 15, 18 }, pad = { 0, 1, 1 } },
  },
  tol = 2e-6,
  grad = false,
  errors = {
    { { dy = "f32[1,3,4,5,4]", weight = "f32[4,3,3,3,3]", size = { 9, 9, 9 }, pad = 1 },
      "size from .* got 9" },
    { { dy = "f32[1,3,4,5,3]", weight = "f32[4,3,3,3,3]", size = { 3, 4, 5 }, pad = 1 }, "4 channels" },
  },
}
