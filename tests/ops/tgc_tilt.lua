local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    local m = image.layout(a.x)
    local size = ({ z = m.d, y = m.h, x = m.w })[a.beam]
    return ref.like(a.x, function(i)
      local _, z, y, x = image.where(m, i)
      local depth = ({ z = z, y = y, x = x })[a.beam]
      local t = size > 1 and depth / (size - 1) - 0.5 or 0
      return image.clip(math.exp(a.slope * t) * a.x[i], a.lo, a.hi)
    end)
  end,
  cases = {
    { x = "f32[3,4,5]", slope = 0.5 },
    { x = "f32[2,3,4,5,2]", slope = -0.8, beam = "z", lo = -4, hi = 4 },
    { x = "f32[3,4,5,2]", slope = 0.8, beam = "x", lo = -4, hi = 4 },
    { x = "f32[3,1,5]", slope = 0.5, lo = -9, hi = 9 },
    { x = "f32[0,4,5,1]", slope = 1 },
  },
}
