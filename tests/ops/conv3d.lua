local conv = require "tests.lib.convref"
local normal = require "tests.lib.normal"

return {
  def = function(a)
    local y = conv.forward(a, 3)
    for i = 1, a.act == "gelu" and #y or 0 do y[i] = y[i] * normal(y[i]) end
    return y
  end,
  cases = {
    { x = "f32[2,3,4,5,3]", weight = "f32[4,3,3,3,3]", bias = "f32[4]", pad = 1 },
    { x = "f32[1,3,4,3,2]", weight = "f32[3,2,2,2,2]" },
    { x = "f32[1,5,4,5,1]", weight = "f32[8,1,3,3,3]", bias = "f32[8]", pad = 1 }, -- first layer
    { x = "f32[2,9,4,8,1]", weight = "f32[3,1,4,4,4]", bias = "f32[3]", stride = 4 }, -- patches
    { x = "f32[1,4,8,8,3]", weight = "f32[5,3,2,4,8]", stride = { 2, 4, 8 } },
    { x = "f32[1,5,5,6,16]", weight = "f32[16,16,3,3,3]", pad = 1, stride = 2 },
    { x = "f32[1,4,5,7,2]", weight = "f32[2,2,3,3,2]", stride = { 1, 2, 3 }, pad = { 0, 1, 1 } },
    { x = "f32[1,5,6,7,2]", weight = "f32[3,2,2,3,2]", dilation = { 2, 2, 3 }, pad = 1 },
    { x = "f32[1,3,4,4,4]", weight = "f32[6,2,3,3,3]", bias = "f32[6]", groups = 2, pad = 1 },
    { x = "f32[2,3,4,3,5]", weight = "f32[5,1,3,3,3]", bias = "f32[5]", groups = 5, pad = 1 }, -- depthwise
    { x = "f32[1,3,4,5,34]", weight = "f32[34,1,3,3,3]", groups = 34, pad = 1, stride = 2 },
    { x = "f32[2,2,3,9,18]", weight = "f32[18,1,3,3,3]", bias = "f32[18]", groups = 18, pad = 1 },
    { x = "f32[1,3,3,13,17]", weight = "f32[17,1,2,2,4]", groups = 17, pad = { 0, 1, 2 },
      dilation = { 1, 1, 2 } },
    { x = "f32[1,3,3,13,16]", weight = "f32[16,1,3,1,3]", groups = 16, pad = { 1, 0, 0 },
      stride = { 2, 1, 2 } },
    { x = "f32[2,4,9,13,20]", weight = "f32[20,1,3,3,3]", bias = "f32[20]", groups = 20, pad = 1,
      act = "gelu" },
    { x = "f32[1,7,6,9,16]", weight = "f32[16,1,3,5,3]", groups = 16, pad = { 1, 2, 1 }, stride = 2,
      act = "gelu" },
    { x = "f32[1,4,5,6,3]", weight = "f32[4,3,3,3,3]", bias = "f32[4]", pad = 1, act = "gelu" },
    { x = "f32[1,2,3,4,7]", weight = "f32[5,7,1,1,1]", bias = "f32[5]" }, -- pointwise
    { x = "f32[2,2,3,5,3]", weight = "f32[2,3,1,1,1]", stride = 2 },
    { x = "f32[0,3,3,3,2]", weight = "f32[3,2,3,3,3]", bias = "f32[3]", pad = 1 },
  },
  tol = 2e-6,
  errors = {
    { { x = "f32[1,4,4,4,3]", weight = "f32[4,2,3,3,3]" },
      "2 channels.*got 3.*f32%[1,4,4,4,3%].*f32%[4,2,3,3,3%]" },
    { { x = "f32[1,2,2,2,2]", weight = "f32[4,2,3,3,3]" }, "kernel spans 3 positions along d" },
    { { x = "f32[4,4,4]", weight = "f32[4,2,3,3,3]" }, "x with 5 axes" },
    { { x = "f32[1,4,4,4,2]", weight = "f32[4,2,3,3,3]", bias = "f32[3]" }, "bias of 4 values" },
    { { x = "f32[1,4,4,4,6]", weight = "f32[4,2,3,3,3]", groups = 3 }, "divisible by 3 groups" },
    { { x = "f32[1,4,4,4,2]", weight = "f32[4,2,3,3,3]", stride = 0 }, "stride 0" },
  },
}
