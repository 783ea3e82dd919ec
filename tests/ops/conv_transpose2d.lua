local conv = require "tests.lib.convref"

return {
  def = function(a) return conv.transpose(a, 2) end,
  cases = {
    { x = "f32[1,3,2,4]", weight = "f32[4,3,2,2]", bias = "f32[3]", stride = 2 },
    { x = "f32[2,3,4,3]", weight = "f32[3,2,3,3]", bias = "f32[2]", pad = 1 },
    { x = "f32[1,3,2,2]", weight = "f32[2,3,3,3]", stride = 2, pad = 1, output_pad = 1 },
    { x = "f32[1,3,2,2]", weight = "f32[2,3,2,3]", stride = { 2, 3 }, output_pad = { 1, 2 } },
    { x = "f32[1,3,2,4]", weight = "f32[4,3,2,2]", bias = "f32[6]", groups = 2, stride = 2 },
    { x = "f32[1,3,2,6]", weight = "f32[6,1,3,3]", bias = "f32[6]", groups = 6, stride = 2, pad = 1 },
    { x = "f32[1,3,2,3]", weight = "f32[3,2,3,2]", dilation = 2 },
    { x = "f32[1,3,2,3]", weight = "f32[3,5,1,1]", bias = "f32[5]" },
    { x = "f32[0,3,2,3]", weight = "f32[3,2,2,2]", stride = 2 },
  },
  tol = 2e-6,
  errors = {
    { { x = "f32[1,2,2,3]", weight = "f32[4,2,2,2]" }, "4 channels on its last axis.*got 3" },
    { { x = "f32[1,2,2,4]", weight = "f32[4,2,2,2]", output_pad = 1 }, "output_pad below stride" },
  },
}
