local pool = require "tests.lib.poolref"

return {
  def = function(a) return pool.max_dx(a, 3) end,
  cases = {
    { dy = "f32[2,2,2,3,3]", which = "i32[2,2,2,3,3]", size = { 4, 4, 6 }, kernel = 2 },
    { dy = "f32[1,2,2,3,8]", which = "i32[1,2,2,3,8]", size = { 4, 4, 6 }, kernel = 2 },
    { dy = "f32[1,1,2,2,16]", which = "i32[1,1,2,2,16]", size = { 2, 4, 5 }, kernel = 2 },
    { dy = "f32[1,1,2,2,32]", which = "i32[1,1,2,2,32]", size = { 2, 4, 4 }, kernel = 2 },
    { dy = "f32[1,3,3,4,2]", which = "i32[1,3,3,4,2]", size = { 5, 6, 7 }, kernel = 3, stride = 2, pad = 1 },
  },
  grad = false,
  errors = {
    { { dy = "f32[1,3,3,4,2]", which = "i32[3]", size = { 5, 6, 7 }, kernel = 2 }, "one index per element" },
  },
}
