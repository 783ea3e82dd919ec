local ref = require "tests.lib.ref"

return {
  def = function(a)
    local y = ref.new(a.shape)
    for i = 1, #y do
      local z = a.key + i - 1 + 0x9E3779B97F4A7C15
      z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
      z = (z ~ (z >> 27)) * 0x94D049BB133111EB
      z = z ~ (z >> 31)
      y[i] = a.offset + a.scale * (2 * ((z >> 40) * 0x1p-24) - 1)
    end
    return y
  end,
  cases = {
    { shape = { 3, 5 }, key = 7 },
    { shape = { 4100 }, key = -1, scale = 0.5, offset = 1 },
    { shape = { 0, 4 }, key = 1 },
    { shape = {}, key = 0x1ebbae8f5810b65b, scale = 0.02 },
  },
  grad = false,
  errors = {},
}
