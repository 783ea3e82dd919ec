-- Definitions of the normalisations and of their gradients over reference arrays.
local ref = require "tests.lib.ref"
local norm = {}

---Mean and 1/sqrt(var + eps) of the elements that `key(i)` puts together.
---@return table mean by key
---@return table rstd by key
---@return table count by key
function norm.stats(x, key, eps)
  local mean, var, n = {}, {}, {}
  for i = 1, #x do
    local k = key(i)
    mean[k], n[k] = (mean[k] or 0) + x[i], (n[k] or 0) + 1
  end
  for k in pairs(mean) do mean[k], var[k] = mean[k] / n[k], 0 end
  for i = 1, #x do
    local k = key(i)
    var[k] = var[k] + (x[i] - mean[k]) ^ 2
  end
  local rstd = {}
  for k in pairs(var) do rstd[k] = 1 / math.sqrt(var[k] / n[k] + eps) end
  return mean, rstd, n
end

---Sample and channel of element i of x [n, ..., c], both from 1.
function norm.where(x, i)
  local c = x.shape[#x.shape]
  local per = ref.count(x.shape) // x.shape[1]
  return (i - 1) // per + 1, (i - 1) % c + 1
end

---leaky((x - mean) * rstd * weight + bias + residual); `mean(i)`, `rstd(i)` give the statistics.
function norm.apply(a, mean, rstd, slope)
  return ref.like(a.x, function(i)
    local _, c = norm.where(a.x, i)
    local t = (a.x[i] - mean(i)) * rstd(i) * (a.weight and a.weight[c] or 1)
    t = t + (a.bias and a.bias[c] or 0) + (a.residual and a.residual[i] or 0)
    return t > 0 and t or slope * t
  end)
end

return norm
