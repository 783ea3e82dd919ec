local ref = require "tests.lib.ref"
local rng = require "semisam.rng"

return {
  def = function(a)
    local y = ref.new(a.shape)
    for i = 1, #y do
      local block = { rng.block(a.key, (i - 1) // 4) }
      y[i] = a.lo + (a.hi - a.lo) * (block[(i - 1) % 4 + 1] >> 8) * 0x1p-24
    end
    return y
  end,
  cases = {
    { shape = { 3, 5 }, key = 7 },
    { shape = { 2050 }, key = -1, lo = -3, hi = 2.5 },
    { shape = { 0, 4 }, key = 1 },
    { shape = { 6 }, key = 1, lo = 2, hi = 2 },
  },
  grad = false,
  errors = { { { shape = { 2 }, key = 1, lo = 3, hi = 1 }, "lo must not exceed hi.*3.*1" } },
}
