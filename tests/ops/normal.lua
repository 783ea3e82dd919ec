local ref = require "tests.lib.ref"
local rng = require "semisam.rng"

-- Box and Muller: lanes 1, 2 and 3, 4 of a block are pairs.
local function standard(key, i)
  local block = { rng.block(key, i // 4) }
  local pair = i % 4 // 2 * 2
  local u = ((block[pair + 1] >> 9) + 0.5) * 0x1p-23
  local t = 2 * math.pi * (block[pair + 2] >> 8) * 0x1p-24
  return math.sqrt(-2 * math.log(u)) * (i % 2 == 0 and math.cos(t) or math.sin(t))
end

return {
  def = function(a)
    local y = ref.new(a.shape)
    for i = 1, #y do y[i] = a.mean + a.std * standard(a.key, i - 1) end
    return y
  end,
  cases = {
    { shape = { 3, 5 }, key = 7 },
    { shape = { 2050 }, key = -1, mean = -3, std = 2.5 },
    { shape = { 0, 4 }, key = 1 },
    { shape = { 6 }, key = 1, mean = 2, std = 0 },
  },
  grad = false,
  errors = { { { shape = { 2 }, key = 1, std = -1 }, "std must not be negative.*%-1" } },
}
