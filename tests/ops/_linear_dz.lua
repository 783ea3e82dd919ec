local ref = require "tests.lib.ref"

return {
  def = function(a)
    local dz = ref.like(a.dy)
    for i = 1, #dz do
      local z, d = a.z[i], 1
      if a.act == "relu" then
        d = z > 0 and 1 or 0
      elseif a.act == "silu" then
        local s = 1 / (1 + math.exp(-z))
        d = s * (1 + z * (1 - s))
      elseif a.act == "gelu" then
        local x = z / math.sqrt(2)
        local term, sum = x, x
        for n = 1, 80 do
          term = -term * x * x / n
          sum = sum + term / (2 * n + 1)
        end
        d = 0.5 + sum / math.sqrt(math.pi) + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
      end
      dz[i] = a.dy[i] * d
    end
    return dz
  end,
  cases = {
    { z = "f32[3,7]", dy = "f32[3,7]", act = "gelu" }, { z = "f32[3,7]", dy = "f32[3,7]", act = "relu" },
    { z = "f32[3,7]", dy = "f32[3,7]", act = "silu" }, { z = "f32[4]", dy = "f32[4]" },
    { z = "f32[0,3]", dy = "f32[0,3]", act = "gelu" },
  },
  tol = 3e-6,
  grad = false,
  errors = { { { z = "f32[3]", dy = "f32[4]" }, "f32%[3%].*f32%[4%]" } },
}
