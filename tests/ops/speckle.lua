local image = require "tests.lib.image"
local ref = require "tests.lib.ref"
local rng = require "semisam.rng"

-- Rayleigh of mean 1.
local function rayleigh(key, i)
  local word = ({ rng.block(key, i // 4) })[i % 4 + 1]
  return math.sqrt(2 / math.pi) * math.sqrt(-2 * math.log(((word >> 9) + 0.5) * 0x1p-23))
end

return {
  def = function(a)
    local part = a.std / math.sqrt(4 / math.pi - 1)
    return ref.like(a.x, function(i)
      return image.clip(a.x[i] * (1 + part * (rayleigh(a.key, i - 1) - 1)), a.lo, a.hi)
    end)
  end,
  cases = {
    { x = "f32[3,4,5]", key = 5, std = 0.3 },
    { x = "f32[2,3,4,5,2]", key = -9, std = 0.5227, lo = -9, hi = 9 },
    { x = "f32[0,4,5,1]", key = 1, std = 0 },
  },
  errors = { { { x = "f32[1,4,5]", key = 1, std = 0.6 }, "std must be in.*0.6" } },
}
