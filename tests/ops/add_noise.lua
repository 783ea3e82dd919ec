local image = require "tests.lib.image"
local ref = require "tests.lib.ref"
local rng = require "semisam.rng"

local function standard(key, i)
  local block = { rng.block(key, i // 4) }
  local pair = i % 4 // 2 * 2
  local u = ((block[pair + 1] >> 9) + 0.5) * 0x1p-23
  local t = 2 * math.pi * (block[pair + 2] >> 8) * 0x1p-24
  return math.sqrt(-2 * math.log(u)) * (i % 2 == 0 and math.cos(t) or math.sin(t))
end

return {
  def = function(a)
    return ref.like(a.x, function(i)
      return image.clip(a.x[i] + a.std * image.clip(standard(a.key, i - 1), -a.clip, a.clip), a.lo, a.hi)
    end)
  end,
  cases = {
    { x = "f32[3,4,5]", key = 5, std = 0.06 },
    { x = "f32[2,3,4,5,2]", key = -9, std = 0.5, clip = 1, lo = -3, hi = 3 },
    { x = "f32[11,10,11]", key = 2, std = 0.1, lo = -9, hi = 9 },
    { x = "f32[0,4,5,1]", key = 1, std = 0.1 },
  },
  errors = { { { x = "f32[1,4,5]", key = 1, std = -0.5 }, "must not be negative.*%-0.5" } },
}
