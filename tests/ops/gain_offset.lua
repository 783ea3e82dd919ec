local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.x, function(i) return image.clip(a.gain * a.x[i] + a.offset, a.lo, a.hi) end)
  end,
  cases = {
    { x = "f32[3,4,5]", gain = 0.8, offset = 0.1 },
    { x = "f32[2,3,4,5,2]", gain = 1.2, offset = -0.1, lo = -2, hi = 2 },
    { x = "f32[0,4,5,1]" },
  },
  errors = { { { x = "f32[4,5]" }, "an image is.*f32%[4,5%]" } },
}
