local norm = require "tests.lib.norm"
local ref = require "tests.lib.ref"
local t = require "tests.lib.t"
local ss = require "semisam"

return {
  def = function(a)
    local c, samples = a.p.shape[#a.p.shape], a.per_sample and a.p.shape[1] or 1
    local up, down, loss = {}, {}, 0
    for k = 1, samples * c do up[k], down[k] = a.eps, a.eps end
    for i = 1, #a.p do
      local n, j = norm.where(a.p, i)
      local k = a.per_sample and (n - 1) * c + j or j
      local m = a.mask and a.mask[#a.mask == #a.p and i or (i - 1) // c + 1] or 1
      local p, y = a.p[i], a.target[i]
      up[k] = up[k] + 2 * m * p * y
      down[k] = down[k] + (a.squared and m * (p * p + y * y) or m * (p + y))
    end
    for k = 1, samples * c do loss = loss + 1 - up[k] / down[k] end
    return ref.new({}, function() return samples * c == 0 and 0 or loss / (samples * c) end)
  end,
  cases = {
    { p = "f32[2,3,4,2]", target = "bool[2,3,4,2]" },
    { p = "f32[2,3,3]", target = "u8[2,3,3]", per_sample = true, eps = 1 },
    { p = { shape = { 2, 7, 1 }, fill = function(i) return i / 20 end }, target = "bool[2,7,1]",
      mask = "bool[2,7,1]", squared = false },
    { p = "f32[2,5,2]", target = "f32[2,5,2]", mask = "f32[2,5,1]" },
    { p = "f32[1,900,6]", target = "bool[1,900,6]" },
    { p = "f32[0,3,2]", target = "f32[0,3,2]" },
  },
  grad = { "p" },
  half = 4e-2,
  errors = {
    { { p = "f32[2]", target = "f32[2]" }, "%[n, %.%.%., c%]" },
    { { p = "f32[2,3]", target = "u8[2,1]" }, "f32%[2,3%].*u8%[2,1%]" },
  },
  more = {
    function() -- known answers with N = 8 voxels and eps = 1e-5
      local eps = 1e-5
      local y = ss.tensor { { { 1 }, { 0 }, { 1 }, { 1 }, { 0 }, { 0 }, { 1 }, { 0 } } }
      local none, half = ss.zeros(y.shape), ss.full(y.shape, 0.5)
      t.near(y:soft_dice(y):item(), 0, 1e-6)
      t.near(none:soft_dice(none):item(), 0, 1e-7)
      t.near((1 - y):soft_dice(y):item(), 1 - eps / (8 + eps), 1e-6)
      t.near(half:soft_dice(y):item(), 1 / 3, 1e-6)
    end,
  },
}
