local norm = require "tests.lib.norm"
local ref = require "tests.lib.ref"

local function positive(i) return 1 + i / 4 end

return {
  def = function(a)
    local groups, c = a.sums.shape[1], a.p.shape[#a.p.shape]
    return ref.like(a.p, function(i)
      local n, j = norm.where(a.p, i)
      local at = (groups > 1 and n - 1 or 0) * 2 * c + j
      local up, down = a.sums[at], a.sums[at + c]
      local m = a.mask and a.mask[#a.mask == #a.p and i or (i - 1) // c + 1] or 1
      local d = -2 * a.target[i] / down + up / down ^ 2 * (a.squared and 2 * a.p[i] or 1)
      return a.dy[1] * m * d / (groups * c)
    end)
  end,
  cases = {
    { p = "f32[2,5,3]", target = "u8[2,5,3]", dy = "f32[]", sums = { shape = { 1, 2, 3 }, fill = positive } },
    { p = "f32[2,5,2]", target = "f32[2,5,2]", dy = "f32[]", sums = { shape = { 2, 2, 2 }, fill = positive },
      mask = "f32[2,5,1]", squared = false },
  },
}
