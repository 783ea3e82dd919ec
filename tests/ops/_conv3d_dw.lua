local conv = require "tests.lib.convref"

return {
  def = function(a) return conv.weights(a, 3) end,
  cases = {
    { x = "f32[2,3,4,5,3]", dy = "f32[2,3,4,5,4]", kernel = 3, bias = true, pad = 1 },
    { x = "f32[1,5,5,6,16]", dy = "f32[1,3,3,3,16]", kernel = 3, stride = 2, pad = 1 },
    { x = "f32[1,3,5,4,18]", dy = "f32[1,3,5,4,18]", kernel = 3, bias = true, pad = 1, groups = 18 },
    { x = "f32[1,2,3,4,7]", dy = "f32[1,2,3,4,5]", kernel = 1, bias = true },
    { x = "f32[2,9,4,8,1]", dy = "f32[2,2,1,2,3]", kernel = 4, bias = true, stride = 4 },
    { x = "f32[1,4,8,8,3]", dy = "f32[1,2,2,1,5]", kernel = { 2, 4, 8 }, stride = { 2, 4, 8 } },
    { x = "f32[0,3,3,3,2]", dy = "f32[0,3,3,3,2]", kernel = 3, bias = true, pad = 1 },
    { x = "f32[1,4,15,18,8]", dy = "f32[1,4,15,18,16]", kernel = { 1, 3, 3 }, bias = true,
      pad = { 0, 1, 1 } },
  },
  tol = 3e-6,
  thread_tol = 3e-6, -- oneDNN splits this sum by threads
  grad = false,
  errors = {
    { { x = "f32[1,4,4,4,3]", dy = "f32[1,4,4,4,4]", kernel = 3 }, "dy of size 2 along d, got 4" },
  },
}
