local ref = require "tests.lib.ref"

return {
  def = function(a)
    local p, m = ref.like(a.p), a.m and ref.like(a.m)
    for i = 1, #p do
      local d = a.g[i] + a.weight_decay * a.p[i]
      if a.momentum ~= 0 then
        m[i] = a.first and d or a.momentum * a.m[i] + (1 - a.dampening) * d
        d = a.nesterov and d + a.momentum * m[i] or m[i]
      elseif m then
        m[i] = a.m[i]
      end
      p[i] = a.p[i] - a.lr * d
    end
    return p, m or p
  end,
  writes = { "p", "m" },
  cases = {
    { p = "f32[2,3]", g = "f32[2,3]", m = "f32[2,3]", lr = 0.1 },
    { p = "f32[5000]", g = "f32[5000]", m = "f32[5000]", lr = 0.1, momentum = 0.9, weight_decay = 0.01 },
    { p = "f32[7]", g = "f32[7]", m = "f32[7]", lr = 0.1, momentum = 0.9, nesterov = true, dampening = 0.5 },
    { p = "f32[7]", g = "f32[7]", m = "f32[7]", lr = 0.1, momentum = 0.9, first = true, nesterov = true },
    { p = "f32[0]", g = "f32[0]", m = "f32[0]", lr = 0.1, momentum = 0.9 },
  },
  errors = {
    { { p = "f32[2]", g = "f32[3]", lr = 1 }, "p and g.*f32%[2%].*f32%[3%]" },
    { { p = "f32[2]", g = "f32[2]", lr = 1, momentum = 0.5 }, "momentum 0.5 needs the state m" },
  },
}
