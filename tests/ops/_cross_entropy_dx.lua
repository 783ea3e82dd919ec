local ref = require "tests.lib.ref"

return {
  def = function(a)
    local c, dx = a.logits.shape[#a.logits.shape], ref.like(a.logits)
    for i = 1, #a.target do
      local k, sum = a.target[i], 0
      if k ~= a.ignore then
        local w = a.dy[1] / a.total[1] * (a.weight and a.weight[k + 1] or 1)
        for j = 1, c do sum = sum + math.exp(a.logits[(i - 1) * c + j]) end
        for j = 1, c do
          local p = math.exp(a.logits[(i - 1) * c + j]) / sum
          dx[(i - 1) * c + j] = w * (p - (j == k + 1 and 1 or 0))
        end
      end
    end
    return dx
  end,
  cases = {
    { logits = "f32[70,3]",
      target = { dtype = "i32", shape = { 70 }, fill = function(i) return i % 4 - 1 end },
      dy = "f32[]", total = { shape = {}, fill = function() return 3 end }, weight = "f32[3]" },
    { logits = "f32[5,2]", target = { dtype = "u8", shape = { 5 }, fill = function(i) return i % 2 end },
      dy = "f32[]", total = { shape = {}, fill = function() return 5 end } },
  },
}
