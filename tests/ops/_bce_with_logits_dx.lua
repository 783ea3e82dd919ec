local ref = require "tests.lib.ref"

local function three() return 3 end

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local w = a.weight and a.weight[#a.weight == #a.x and i or (i - 1) // 2 + 1] or 1
      return a.dy[1] / a.total[1] * w * (1 / (1 + math.exp(-a.x[i])) - a.target[i])
    end)
  end,
  cases = {
    { x = "f32[3,2]", target = "u8[3,2]", dy = "f32[]", total = { shape = {}, fill = three } },
    { x = "f32[5,2]", target = "f32[5,2]", dy = "f32[]",
      total = { shape = {}, fill = three }, weight = "u8[5,1]" },
  },
}
