local ref = require "tests.lib.ref"
local special = require "tests.lib.special"
local inf, nan = 1 / 0, 0 / 0

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local x = a.x[i]
      return 1 / math.sqrt(x)
    end)
  end,
  cases = {
    { x = { shape = { 2, 3 }, fill = function(i) return 0.1 + 0.37 * i end } },
    { x = { shape = { 2500 }, fill = function(i) return 0.1 + 0.37 * i end } },
    { x = "f32[0]" },
    { x = { shape = {  }, fill = function(i) return 0.1 + 0.37 * i end } },
  },
  more = {
    special("rsqrt", { nan, inf, -1, 0 }, { nan, 0, nan, inf }),
  },
}
