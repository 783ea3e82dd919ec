local ref = require "tests.lib.ref"
local t = require "tests.lib.t"
local ss = require "semisam"

local function labels(k, ignore)
  return function(i) return i % 5 == 0 and ignore or i % k end
end

return {
  def = function(a)
    local c, loss, total = a.logits.shape[#a.logits.shape], 0, 0
    for i = 1, #a.target do
      local k = a.target[i]
      if k ~= a.ignore then
        local max, sum, w = -math.huge, 0, a.weight and a.weight[k + 1] or 1
        for j = 1, c do max = math.max(max, a.logits[(i - 1) * c + j]) end
        for j = 1, c do sum = sum + math.exp(a.logits[(i - 1) * c + j] - max) end
        loss = loss + w * (max + math.log(sum) - a.logits[(i - 1) * c + k + 1])
        total = total + w
      end
    end
    return ref.new({}, function() return total == 0 and 0 or loss / total end)
  end,
  cases = {
    { logits = "f32[2,3,4]", target = { dtype = "i64", shape = { 2, 3 }, fill = labels(4, -1) } },
    { logits = "f32[150,2]", ignore = 255,
      target = { dtype = "u8", shape = { 150 }, fill = labels(2, 255) } },
    { logits = "f32[70,3]", target = { dtype = "i32", shape = { 70 }, fill = labels(3, 0) },
      weight = { shape = { 3 }, fill = function(i) return i / 2 end } },
    { logits = "f32[4,2]", target = { dtype = "i32", shape = { 4 }, fill = function() return -1 end } },
    { logits = "f32[6,40]", target = { dtype = "i64", shape = { 6 }, fill = labels(40, -1) } },
    { logits = "f32[0,2]", target = "i32[0]" },
  },
  grad = { "logits" },
  tol = 2e-6,
  errors = {
    { { logits = "f32[2,3]", target = "u8[3]" }, "without its last axis" },
    { { logits = "f32[2,3]", target = "f32[2]" }, "must hold integers, got f32" },
    { { logits = "f32[2,3]", target = "u8[2]", weight = "f32[2]" }, "weight must be %[3%]" },
    { { logits = "f32[2,3]", target = { dtype = "u8", shape = { 2 }, fill = function() return 7 end } },
      "0 to 2 or ignore = %-1, element 1 is 7" },
  },
  more = {
    function() -- uniform two-class logits: log 2; nothing kept: 0 and a gradient of 0, even over NaN
      local target = ss.zeros({ 3 }, { dtype = "i32" })
      t.near(ss.cross_entropy(ss.zeros { 3, 2 }, target):item(), 0.693147, 1e-6)
      local x = ss.full({ 3, 2 }, 0 / 0):requires_grad_(true)
      local loss = ss.cross_entropy(x, target, { ignore = 0 })
      loss:backward()
      t.eq(loss:item(), 0)
      for _, g in ipairs(x.grad:flat()) do t.eq(g, 0) end
    end,
  },
}
