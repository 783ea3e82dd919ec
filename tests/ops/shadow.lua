local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    local m = image.layout(a.x)
    return ref.like(a.x, function(i)
      local _, z, y, x = image.where(m, i)
      local depth, pa, pb
      if a.beam == "z" then depth, pa, pb = z, y, x end
      if a.beam == "y" then depth, pa, pb = y, z, x end
      if a.beam == "x" then depth, pa, pb = x, z, y end
      local s = depth - a.onset
      if s <= 0 then return a.x[i] end
      local da = (pa - a.a - a.tilt_a * s) / (a.width_a + a.spread * s)
      local db = (pb - a.b - a.tilt_b * s) / (a.width_b + a.spread * s)
      return a.x[i] * (1 - a.strength * math.min(s / 2, 1) * math.exp(-(da * da + db * db) / 2))
    end)
  end,
  cases = {
    { x = "f32[4,7,5]", a = 1.5, b = 2, width_a = 2, width_b = 1, onset = 1.5, strength = 0.8 },
    { x = "f32[2,6,4,5,2]", a = 1, b = 2, width_a = 1, width_b = 1, onset = 0, strength = 1, spread = 0.3,
      tilt_a = 0.2, tilt_b = -0.1, beam = "z" },
    { x = "f32[3,4,8,2]", a = 1, b = 2, width_a = 1, width_b = 3, onset = -2, strength = 0.5, beam = "x" },
    { x = "f32[3,0,5]", a = 1, b = 2, width_a = 1, width_b = 1, onset = 0, strength = 0.5 },
  },
  errors = {
    { { x = "f32[2,2,2]", a = 0, b = 0, width_a = 0, width_b = 1, onset = 0, strength = 1 },
      "width_a and width_b must be positive.*0 and 1" },
    { { x = "f32[2,2,2]", a = 0, b = 0, width_a = 1, width_b = 1, onset = 0, strength = 2 },
      "strength must be in.*2" },
  },
}
