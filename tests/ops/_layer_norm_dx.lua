local ref = require "tests.lib.ref"

return {
  def = function(a)
    local n = a.x.shape[#a.x.shape]
    local dx, dw, db = ref.like(a.x), ref.new { n }, ref.new { n }
    for r = 0, #a.x // n - 1 do
      local s1, s2 = 0, 0
      for j = 1, n do
        local i = r * n + j
        local h, g = (a.x[i] - a.mean[r + 1]) * a.rstd[r + 1], a.dy[i] * (a.weight and a.weight[j] or 1)
        dw[j], db[j] = dw[j] + a.dy[i] * h, db[j] + a.dy[i]
        s1, s2 = s1 + g / n, s2 + g * h / n
      end
      for j = 1, n do
        local i = r * n + j
        local h, g = (a.x[i] - a.mean[r + 1]) * a.rstd[r + 1], a.dy[i] * (a.weight and a.weight[j] or 1)
        dx[i] = a.rstd[r + 1] * (g - s1 - h * s2)
      end
    end
    return dx, dw, db
  end,
  cases = {
    { dy = "f32[2,3,5]", x = "f32[2,3,5]", mean = "f32[2,3]", rstd = "f32[2,3]", weight = "f32[5]" },
    { dy = "f32[40,19]", x = "f32[40,19]", mean = "f32[40]", rstd = "f32[40]" },
    { dy = "f32[0,4]", x = "f32[0,4]", mean = "f32[0]", rstd = "f32[0]" },
  },
}
