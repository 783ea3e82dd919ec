local ref = require "tests.lib.ref"

return {
  def = function(a)
    local per, c = #a.p // a.p.shape[1], a.p.shape[#a.p.shape]
    return ref.like(a.p, function(i)
      local m = a.mask and a.mask[#a.mask == #a.p and i or (i - 1) // c + 1] or 1
      local f = a.factor[(i - 1) // per * 2 + (a.q[i] > 0.5 and 1 or 2)]
      return a.dy[1] * f * m * (a.p[i] - a.q[i])
    end)
  end,
  cases = {
    { p = "f32[2,3,2]", q = "f32[2,3,2]", dy = "f32[]", factor = "f32[2,2]", mask = "u8[2,3,1]" },
    { p = "f32[2,1500]", q = "f32[2,1500]", dy = "f32[]", factor = "f32[2,2]" },
  },
  half = false, -- rounding may move q across 1/2
}
