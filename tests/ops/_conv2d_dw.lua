local conv = require "tests.lib.convref"

return {
  def = function(a) return conv.weights(a, 2) end,
  cases = {
    { x = "f32[2,4,5,3]", dy = "f32[2,4,5,4]", kernel = 3, bias = true, pad = 1 },
    { x = "f32[1,5,6,16]", dy = "f32[1,3,3,16]", kernel = 3, stride = 2, pad = 1 },
    { x = "f32[1,5,4,18]", dy = "f32[1,5,4,18]", kernel = 3, bias = true, pad = 1, groups = 18 },
    { x = "f32[1,3,4,7]", dy = "f32[1,3,4,5]", kernel = 1, bias = true },
    { x = "f32[2,8,17,3]", dy = "f32[2,1,2,5]", kernel = 8, bias = true, stride = 8 },
    { x = "f32[0,3,3,2]", dy = "f32[0,3,3,2]", kernel = 3, bias = true, pad = 1 },
  },
  tol = 3e-6,
  thread_tol = 3e-6, -- oneDNN splits this sum by threads
  grad = false,
  errors = {
    { { x = "f32[1,4,4,3]", dy = "f32[1,4,4,4]", kernel = 3 }, "dy of size 2 along h, got 4" },
  },
}
