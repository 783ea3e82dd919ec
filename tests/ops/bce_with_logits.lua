local ref = require "tests.lib.ref"
local t = require "tests.lib.t"
local ss = require "semisam"

local function weight_at(a, i)
  if not a.weight then return 1 end
  return #a.weight == #a.x and a.weight[i] or a.weight[(i - 1) // a.x.shape[#a.x.shape] + 1]
end

return {
  def = function(a)
    local loss, total = 0, 0
    for i = 1, #a.x do
      local x, w = a.x[i], weight_at(a, i)
      loss = loss + w * (math.max(x, 0) - x * a.target[i] + math.log(1 + math.exp(-math.abs(x))))
      total = total + w
    end
    return ref.new({}, function() return total == 0 and 0 or loss / total end)
  end,
  cases = {
    { x = "f32[2,3]", target = "bool[2,3]" },
    { x = "f32[3,5000]", target = "u8[3,5000]" },
    { x = "f32[4,6,2]", target = "f32[4,6,2]", weight = "u8[4,6,1]" },
    { x = { shape = { 4 }, fill = function(i) return 60 * i - 150 end }, target = "bool[4]",
      weight = "f32[4]" },
    { x = "f32[0]", target = "f32[0]" },
  },
  grad = { "x" },
  errors = {
    { { x = "f32[2]", target = "f32[3]" }, "f32%[2%].*f32%[3%]" },
    { { x = "f32[2,2]", target = "f32[2,2]", weight = "f32[2]" }, "weight must have" },
  },
  more = {
    function() -- no weight left: 0 with a gradient of 0, even over NaN
      local x = ss.full({ 3 }, 0 / 0):requires_grad_(true)
      local loss = ss.bce_with_logits(x, ss.zeros { 3 }, ss.zeros { 3 })
      loss:backward()
      t.eq(loss:item(), 0)
      t.eq(x.grad:flat(), { 0, 0, 0 })
    end,
  },
}
