local norm = require "tests.lib.norm"
local ref = require "tests.lib.ref"

local function positive(i) return 0.5 + i / 3 end

return {
  -- The sums written out: see kernels/_channel_norm_dx.c for the formula.
  def = function(a)
    local ch = a.x.shape[#a.x.shape]
    local at = function(i)
      local n, c = norm.where(a.x, i)
      return n, c, a.over == "sample" and (n - 1) * ch + c or c
    end
    local key = function(i)
      local n, c = at(i)
      return (a.over == "sample" and n * ch or 0) + (c - 1) // a.group
    end
    local g, xhat, s1, s2, m = {}, {}, {}, {}, {}
    local dw, db = ref.new({ ch }), ref.new({ ch })
    for i = 1, #a.x do
      local _, c, s = at(i)
      local w, k = a.weight and a.weight[c] or 1, key(i)
      xhat[i] = (a.x[i] - a.mean[s]) * a.rstd[s]
      local t = xhat[i] * w + (a.bias and a.bias[c] or 0) + (a.residual and a.residual[i] or 0)
      g[i] = t > 0 and a.dy[i] or a.slope * a.dy[i]
      dw[c], db[c] = dw[c] + g[i] * xhat[i], db[c] + g[i]
      s1[k], s2[k] = (s1[k] or 0) + w * g[i], (s2[k] or 0) + w * g[i] * xhat[i]
      m[k] = (m[k] or 0) + 1
    end
    local dx = ref.like(a.x, function(i)
      local _, c, s = at(i)
      local w, k = a.weight and a.weight[c] or 1, key(i)
      local shared = a.over == "fixed" and 0 or (s1[k] + xhat[i] * s2[k]) / m[k]
      return a.rstd[s] * (w * g[i] - shared)
    end)
    local dr = a.residual and ref.like(a.x, function(i) return g[i] end) or ref.new { 0 }
    return dx, dw, db, dr
  end,
  cases = {
    { dy = "f32[2,5,3]", x = "f32[2,5,3]", mean = "f32[2,3]", rstd = { shape = { 2, 3 }, fill = positive },
      weight = "f32[3]", bias = "f32[3]", residual = "f32[2,5,3]", over = "sample", slope = 0.1 },
    { dy = "f32[2,5,4]", x = "f32[2,5,4]", mean = "f32[2,4]", rstd = { shape = { 2, 4 }, fill = positive },
      weight = "f32[4]", over = "sample", group = 2 },
    { dy = "f32[2,5,3]", x = "f32[2,5,3]", mean = "f32[3]", rstd = { shape = { 3 }, fill = positive },
      over = "batch" },
    { dy = "f32[2,5,3]", x = "f32[2,5,3]", mean = "f32[3]", rstd = { shape = { 3 }, fill = positive },
      weight = "f32[3]", over = "fixed" },
    { dy = "f32[1,4,600]", x = "f32[1,4,600]", mean = "f32[1,600]", over = "sample",
      rstd = { shape = { 1, 600 }, fill = function() return 1 end } },
  },
}
