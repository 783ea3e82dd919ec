local axis = require "tests.lib.axis"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    local y = ref.like(a.x)
    axis.lines(a.x, a.dim, function(at, d)
      local max, sum = -math.huge, 0
      for k = 1, d do max = math.max(max, a.x[at(k)]) end
      for k = 1, d do sum = sum + math.exp(a.x[at(k)] - max) end
      for k = 1, d do y[at(k)] = math.exp(a.x[at(k)] - max) / sum end
    end)
    return y
  end,
  cases = {
    { x = "f32[2,3,4]" }, { x = "f32[70,2]" }, { x = "f32[2,5,3]", dim = 2 },
    { x = "f32[3,2,70]", dim = 1 }, { x = "f32[2,130]" },
    { x = { shape = { 2, 3 }, fill = function(i) return 300 * i end } },
    { x = "f32[0,3]" }, { x = "f32[3,0]" }, { x = "f32[1]" },
  },
}
