local ref = require "tests.lib.ref"
local rng = require "semisam.rng"

-- Marsaglia and Tsang's gamma draw, as its logarithm; attempt t is block i of stream t.
local function log_gamma(key, i, stream, shape)
  local boost = 0
  if shape < 1 then
    local u = rng.block(key, i, stream.t)
    stream.t = stream.t + 1
    boost, shape = math.log(((u >> 9) + 0.5) * 0x1p-23) / shape, shape + 1
  end
  local d = shape - 1 / 3
  while true do
    local u1, u2, u3 = rng.block(key, i, stream.t)
    stream.t = stream.t + 1
    local radius = math.sqrt(-2 * math.log(((u1 >> 9) + 0.5) * 0x1p-23))
    local z = radius * math.cos(2 * math.pi * (u2 >> 8) * 0x1p-24)
    local root = 1 + z / math.sqrt(9 * d)
    local v = root * root * root
    if root > 0 and math.log(((u3 >> 9) + 0.5) * 0x1p-23) < 0.5 * z * z + d - d * v + d * math.log(v) then
      return boost + math.log(d * v)
    end
  end
end

return {
  def = function(a)
    local y = ref.new(a.shape)
    for i = 1, #y do
      local stream = { t = 0 }
      local la = log_gamma(a.key, i - 1, stream, a.a)
      local lb = log_gamma(a.key, i - 1, stream, a.b)
      y[i] = 1 / (1 + math.exp(lb - la))
    end
    return y
  end,
  cases = {
    { shape = { 3, 5 }, key = 7, a = 2, b = 5 },
    { shape = { 300 }, key = 8, a = 0.3, b = 0.3 },
    { shape = { 40 }, key = 9, a = 0.001, b = 0.002 },
    { shape = { 0 }, key = 9, a = 1, b = 1 },
  },
  grad = false,
  errors = { { { shape = { 2 }, key = 1, a = 0, b = 1 }, "a and b must be in.*0 and 1" } },
}
