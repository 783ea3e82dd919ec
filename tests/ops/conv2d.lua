local conv = require "tests.lib.convref"

return {
  def = function(a) return conv.forward(a, 2) end,
  cases = {
    { x = "f32[2,4,5,3]", weight = "f32[4,3,3,3]", bias = "f32[4]", pad = 1 },
    { x = "f32[1,4,3,2]", weight = "f32[3,2,2,2]" },
    { x = "f32[1,4,5,1]", weight = "f32[8,1,3,3]", bias = "f32[8]", pad = 1 }, -- first layer
    { x = "f32[2,8,17,3]", weight = "f32[5,3,8,8]", bias = "f32[5]", stride = 8 }, -- patches
    { x = "f32[1,5,6,16]", weight = "f32[16,16,3,3]", pad = 1, stride = 2 },
    { x = "f32[1,5,7,2]", weight = "f32[2,2,3,2]", stride = { 2, 3 }, pad = { 1, 1 } },
    { x = "f32[1,6,7,2]", weight = "f32[3,2,3,2]", dilation = { 2, 3 }, pad = 1 },
    { x = "f32[1,4,4,4]", weight = "f32[6,2,3,3]", bias = "f32[6]", groups = 2, pad = 1 },
    { x = "f32[2,4,3,5]", weight = "f32[5,1,3,3]", bias = "f32[5]", groups = 5, pad = 1 }, -- depthwise
    { x = "f32[1,4,5,34]", weight = "f32[34,1,3,3]", groups = 34, pad = 1, stride = 2 },
    { x = "f32[1,3,4,7]", weight = "f32[5,7,1,1]", bias = "f32[5]" }, -- pointwise
    { x = "f32[2,3,5,3]", weight = "f32[2,3,1,1]", stride = 2 },
    { x = "f32[0,3,3,2]", weight = "f32[3,2,3,3]", bias = "f32[3]", pad = 1 },
  },
  tol = 2e-6,
  errors = {
    { { x = "f32[1,4,4,3]", weight = "f32[4,2,3,3]" },
      "2 channels.*got 3.*f32%[1,4,4,3%].*f32%[4,2,3,3%]" },
    { { x = "f32[1,2,2,2]", weight = "f32[4,2,3,3]" }, "kernel spans 3 positions along h" },
    { { x = "f32[4,4,4]", weight = "f32[4,2,3,3]" }, "x with 4 axes" },
    { { x = "f32[1,4,4,2]", weight = "f32[4,2,3,3]", bias = "f32[3]" }, "bias of 4 values" },
    { { x = "f32[1,4,4,6]", weight = "f32[4,2,3,3]", groups = 3 }, "divisible by 3 groups" },
    { { x = "f32[1,4,4,2]", weight = "f32[4,2,3,3]", stride = 0 }, "stride 0" },
  },
}
