local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.x, function(i) return image.clip(a.x[i], 0, 1) ^ a.gamma end)
  end,
  cases = {
    { x = "f32[3,4,5]", gamma = 0.6 },
    { x = "f32[2,3,4,5,2]", gamma = 1.6 },
    { x = "f32[0,4,5,1]", gamma = 1 },
    { x = { shape = { 1, 1, 2 }, fill = function(i) return i == 1 and 0 / 0 or 0.25 end }, gamma = 0.5 },
  },
  errors = { { { x = "f32[3,4,5]", gamma = 0 }, "gamma must be positive.*0" } },
}
