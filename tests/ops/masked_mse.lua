local ref = require "tests.lib.ref"
local t = require "tests.lib.t"
local ss = require "semisam"

local function half(i) return i % 3 == 0 and 0.75 or 0.25 end

return {
  def = function(a)
    local n, c = a.p.shape[1], a.p.shape[#a.p.shape]
    local per, used, loss = n > 0 and #a.p // n or 0, 0, 0
    for s = 0, n - 1 do
      local top, total = { 0, 0 }, { 0, 0 }
      for i = s * per + 1, (s + 1) * per do
        local m = a.mask and a.mask[#a.mask == #a.p and i or (i - 1) // c + 1] or 1
        local k = a.balance == "fg" and a.q[i] > 0.5 and 2 or 1
        top[k], total[k] = top[k] + m * (a.p[i] - a.q[i]) ^ 2, total[k] + m
      end
      local parts, sum = 0, 0
      for k = 1, 2 do
        if total[k] > 0 then parts, sum = parts + 1, sum + top[k] / total[k] end
      end
      if parts > 0 then used, loss = used + 1, loss + sum / parts end
    end
    return ref.new({}, function() return used == 0 and 0 or loss / used end)
  end,
  cases = {
    { p = "f32[2,3,4]", q = "f32[2,3,4]" },
    { p = "f32[2,3,4]", q = "f32[2,3,4]", mask = "bool[2,3,4]" },
    { p = "f32[2,3,4]", q = "f32[2,3,4]", mask = "bool[2,3,1]", balance = "fg" },
    { p = "f32[3,5000]", q = { shape = { 3, 5000 }, fill = half }, mask = "u8[3,5000]", balance = "fg" },
    { p = "f32[2,2]", q = "f32[2,2]",
      mask = { dtype = "u8", shape = { 2, 2 }, fill = function() return 0 end } },
    { p = "f32[3,2]", q = "f32[3,2]", balance = "fg",
      mask = { shape = { 3, 2 }, fill = function(i) return i > 2 and 0.5 or 0 end } },
    { p = "f32[0,2]", q = "f32[0,2]" }, { p = "f32[2,0]", q = "f32[2,0]" },
  },
  grad = { "p" },
  half = false, -- rounding may move q across 1/2
  errors = {
    { { p = "f32[]", q = "f32[]" }, "%[n, %.%.%.%]" },
    { { p = "f32[2,3]", q = "f32[3,2]" }, "f32%[2,3%].*f32%[3,2%]" },
    { { p = "f32[2,3]", q = "f32[2,3]", mask = "u8[2,2]" }, "mask must have" },
  },
  more = {
    function() -- votes (1,1,1,0) and (0.9,0.8,0.95,0.85): means 0.75 and 0.875, only the second sure
      local p = ss.tensor({ { 0.1, 0.6 } }):requires_grad_(true)
      local q, sure = ss.tensor { { 0.75, 0.875 } }, ss.tensor { { 0, 1 } }
      local loss = p:masked_mse(q, sure)
      loss:backward()
      t.near(loss:item(), 0.075625, 1e-7)
      local g = p.grad:flat()
      t.eq(g[1], 0)
      t.near(g[2], -0.55, 1e-6)
    end,
    function() -- an empty mask: 0, gradient 0, also over NaN
      local p = ss.full({ 1, 2 }, 0 / 0):requires_grad_(true)
      local loss = p:masked_mse(ss.zeros { 1, 2 }, ss.zeros { 1, 2 })
      loss:backward()
      t.eq(loss:item(), 0)
      t.eq(p.grad:flat(), { 0, 0 })
    end,
    function() -- over both channels of a two-class softmax the value is that of one channel
      local x = ss.normal({ 2, 5, 2 }, { key = 1 }):softmax()
      local y = ss.normal({ 2, 5, 2 }, { key = 2 }):softmax()
      local both = x:masked_mse(y):item()
      t.near(both, x:select(3, 2):masked_mse(y:select(3, 2)):item(), 1e-6)
    end,
  },
}
