local pool = require "tests.lib.poolref"

return {
  def = function(a) return pool.avg_dx(a, 3) end,
  cases = {
    { dy = "f32[2,2,2,3,3]", size = { 4, 4, 6 }, kernel = 2 },
    { dy = "f32[1,3,3,4,2]", size = { 5, 6, 7 }, kernel = 3, stride = 2, pad = 1 },
    { dy = "f32[1,3,3,4,2]", size = { 5, 6, 7 }, kernel = 3, stride = 2, pad = 1, count_include_pad = true },
  },
  grad = false,
  errors = {
    { { dy = "f32[1,3,3,4,2]", size = { 9, 9, 9 }, kernel = 2 }, "dy of size 4 on axis 2, got 3" },
  },
}
