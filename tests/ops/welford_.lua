local ref = require "tests.lib.ref"
local t = require "tests.lib.t"
local ss = require "semisam"

local function state(i) return i % 3 + 1 end

return {
  def = function(a)
    local n, y = #a.x, ref.like(a.state)
    for i = 1, n do
      local w, mean = a.weight and a.weight[i] or 1, a.state[i]
      local total = a.state[2 * n + i] + w
      local new = total == 0 and mean or mean + w / total * (a.x[i] - mean)
      y[i], y[n + i] = new, a.state[n + i] + w * (a.x[i] - mean) * (a.x[i] - new)
      y[2 * n + i] = total
    end
    return y
  end,
  cases = {
    { state = { shape = { 3, 4 }, fill = state }, x = "f32[4]" },
    { state = { shape = { 3, 50, 50 }, fill = state }, x = "f32[50,50]", weight = "bool[50,50]" },
    { state = { shape = { 3, 2 }, fill = function() return 0 end }, x = "f32[2]",
      weight = { shape = { 2 }, fill = function(i) return i - 1 end } },
    { state = "f32[3,0]", x = "f32[0]" },
  },
  errors = {
    { { state = "f32[2,4]", x = "f32[4]" }, "%[3, %.%.%.%].*f32%[2,4%].*f32%[4%]" },
    { { state = "f32[3,4]", x = "f32[4]", weight = "f32[3]" }, "weight must have" },
  },
  more = {
    function() -- four votes at two voxels: population mean and variance
      local s = ss.zeros { 3, 2 }
      for _, v in ipairs { { 1, 0.9 }, { 1, 0.8 }, { 1, 0.95 }, { 0, 0.85 } } do
        ss._ops.welford_(s, ss.tensor(v))
      end
      local f = s:flat()
      t.near(f[1], 0.75, 1e-6)
      t.near(f[2], 0.875, 1e-6)
      t.near(f[3] / f[5], 0.1875, 1e-6)
      t.near(f[4] / f[6], 0.003125, 1e-7)
    end,
  },
}
