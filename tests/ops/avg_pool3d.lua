local pool = require "tests.lib.poolref"

return {
  def = function(a) return pool.avg(a, 3) end,
  cases = {
    { x = "f32[2,4,4,6,3]", kernel = 2 },
    { x = "f32[1,5,6,7,2]", kernel = 3, stride = 2, pad = 1 },
    { x = "f32[1,4,5,5,66]", kernel = { 1, 2, 3 }, stride = { 1, 1, 2 }, pad = { 0, 0, 1 } },
    { x = "f32[0,4,4,4,2]", kernel = 2 },
    { x = "f32[1,5,6,7,2]", kernel = 3, stride = 2, pad = 1, count_include_pad = true },
  },
  errors = {
    { { x = "f32[1,4,2,4,2]", kernel = 3 }, "kernel spans 3 positions along h" },
    { { x = "f32[4,4,4]", kernel = 2 }, "x with 5 axes.*got 3.*f32%[4,4,4%]" },
    { { x = "f32[1,4,4,4,2]", kernel = 2, pad = 2 }, "pad below the kernel.*pad 2" },
  },
}
