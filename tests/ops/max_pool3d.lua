local ss = require "semisam"
local pool = require "tests.lib.poolref"

return {
  def = function(a) return pool.max(a, 3) end,
  cases = {
    { x = "f32[2,4,4,6,3]", kernel = 2 },
    { x = "f32[1,5,6,7,2]", kernel = 3, stride = 2, pad = 1 },
    { x = "f32[1,4,5,6,8]", kernel = 2 }, { x = "f32[1,4,5,6,16]", kernel = 2 },
    { x = "f32[1,2,4,6,32]", kernel = 2 }, { x = "f32[2,3,4,9,1]", kernel = { 1, 1, 7 },
      stride = 1, pad = { 0, 0, 3 } }, { x = "f32[2,9,4,3,1]", kernel = { 7, 1, 3 }, stride = 1,
      pad = { 3, 0, 1 } },
    { x = "f32[1,4,5,5,66]", kernel = { 1, 2, 3 }, stride = { 1, 1, 2 }, pad = { 0, 0, 1 } },
    { x = "f32[0,4,4,4,2]", kernel = 2 },
  },
  grad = { "x" },
  step = 1e-7, -- a winner must not change on the way
  more = {
    function() -- a NaN is not hidden by larger numbers after it
      local v = {}
      for i = 1, 16 do v[i] = i % 4 == 3 and 0 / 0 or i - 1 end
      local x = ss.tensor(v):reshape { 1, 2, 2, 4, 1 }
      local y = x:max_pool3d(2):flat()
      assert(y[1] == 13 and y[2] ~= y[2])
    end,
  },
  errors = {
    { { x = "f32[1,4,2,4,2]", kernel = 3 }, "kernel spans 3 positions along h" },
    { { x = "f32[4,4,4]", kernel = 2 }, "x with 5 axes.*got 3.*f32%[4,4,4%]" },
    { { x = "f32[1,4,4,4,2]", kernel = 2, pad = 2 }, "pad below the kernel.*pad 2" },
  },
}
