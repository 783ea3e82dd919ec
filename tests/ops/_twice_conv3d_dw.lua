local conv = require "tests.lib.convref"
local twice = require "tests.lib.twice"

return {
  def = function(a)
    return conv.weights({ x = twice.large(a.x), dy = a.dy, kernel = a.kernel, bias = a.bias,
      pad = a.pad or 1 }, 3)
  end,
  cases = {
    { x = "f32[2,3,2,3,3]", dy = "f32[2,3,4,6,4]", kernel = 3, bias = true },
    { x = "f32[1,3,4,1,2]", dy = "f32[1,2,8,2,3]", kernel = { 2, 1, 3 }, pad = { 0, 0, 1 } },
    { x = "f32[1,4,8,8,8]", dy = "f32[1,4,16,16,16]", kernel = { 1, 3, 3 }, bias = true,
      pad = { 0, 1, 1 } },
  },
  tol = 3e-6,
  thread_tol = 3e-6, -- oneDNN splits this sum by threads
  grad = false,
  errors = {
    { { x = "f32[1,4,2,2,3]", dy = "f32[1,4,4,5,4]", kernel = 3 }, "dy of size 4 along w, got 5" },
  },
}
