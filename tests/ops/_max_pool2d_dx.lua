local pool = require "tests.lib.poolref"

return {
  def = function(a) return pool.max_dx(a, 2) end,
  cases = {
    { dy = "f32[2,2,3,3]", which = "i32[2,2,3,3]", size = { 4, 6 }, kernel = 2 },
    { dy = "f32[1,3,4,2]", which = "i32[1,3,4,2]", size = { 6, 7 }, kernel = 3, stride = 2, pad = 1 },
  },
  grad = false,
  errors = {
    { { dy = "f32[1,3,4,2]", which = "i32[3]", size = { 6, 7 }, kernel = 2 }, "one index per element" },
  },
}
