local ref = require "tests.lib.ref"
local t = require "tests.lib.t"
local ss = require "semisam"

return {
  def = function(a)
    return ref.like(a.avg, function(i) return a.alpha * a.avg[i] + (1 - a.alpha) * a.p[i] end)
  end,
  cases = {
    { avg = "f32[2,3]", p = "f32[2,3]", alpha = 0.99 },
    { avg = "f32[5000]", p = "f32[5000]", alpha = 0.5 },
    { avg = "f32[0]", p = "f32[0]", alpha = 0.5 },
  },
  errors = { { { avg = "f32[2]", p = "f32[3]", alpha = 1 }, "avg and p.*f32%[2%].*f32%[3%]" } },
  more = {
    function() -- constant 1 from 0 with 0.99: known values after 1, 69, 100, 230, 460 steps
      local avg, one = ss.zeros { 1 }, ss.ones { 1 }
      local want = { [1] = 0.01, [69] = 0.500163, [100] = 0.633968, [230] = 0.900895, [460] = 0.990178 }
      for k = 1, 460 do
        ss._ops.ema_(avg, one, { alpha = 0.99 })
        if want[k] then t.near(avg:item(), want[k], 2e-6, "step " .. k) end
      end
    end,
    function() -- moves although the difference is 1e-4 and p is f16
      local avg, p = ss.full({ 1 }, 1 - 1e-4), ss.ones({ 1 }):to "f16"
      ss._ops.ema_(avg, p, { alpha = 0.99 })
      t.near(avg:item(), 1 - 0.99e-4, 1e-7)
    end,
  },
}
