local ref = require "tests.lib.ref"

local function positive(i) return i / 7 end

return {
  def = function(a)
    local p, m, v = ref.like(a.p), ref.like(a.p), ref.like(a.p)
    for i = 1, #p do
      m[i] = a.beta1 * a.m[i] + (1 - a.beta1) * a.g[i]
      v[i] = a.beta2 * a.v[i] + (1 - a.beta2) * a.g[i] ^ 2
      local mean, square = m[i] / (1 - a.beta1 ^ a.step), v[i] / (1 - a.beta2 ^ a.step)
      p[i] = a.p[i] * (1 - a.lr * a.weight_decay) - a.lr * mean / (math.sqrt(square) + a.eps)
    end
    return p, m, v
  end,
  writes = { "p", "m", "v" },
  cases = {
    { p = "f32[2,3]", g = "f32[2,3]", m = "f32[2,3]", v = { shape = { 2, 3 }, fill = positive }, lr = 0.1 },
    { p = "f32[9]", g = "f32[9]", m = "f32[9]", v = { shape = { 9 }, fill = positive }, lr = 1e-3, step = 10,
      weight_decay = 0.1, beta1 = 0.8, beta2 = 0.99, eps = 1e-3 },
    { p = "f32[0]", g = "f32[0]", m = "f32[0]", v = "f32[0]", lr = 0.1 },
  },
  errors = {
    { { p = "f32[2]", g = "f32[2]", m = "f32[2]", v = "f32[2]", lr = 1, step = 0 }, "counts from 1, got 0" },
    { { p = "f32[2]", g = "f32[2]", m = "f32[2]", v = "f32[3]", lr = 1 }, "p and v.*f32%[3%]" },
  },
}
