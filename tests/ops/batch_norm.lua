local norm = require "tests.lib.norm"

local function positive(i) return 0.5 + i / 3 end

return {
  def = function(a)
    local key = function(i)
      local _, c = norm.where(a.x, i)
      return c
    end
    local mean, rstd
    if a.training then
      mean, rstd = norm.stats(a.x, key, a.eps)
    else
      mean, rstd = a.running_mean, {}
      for c = 1, #a.running_var do rstd[c] = 1 / math.sqrt(a.running_var[c] + a.eps) end
    end
    return norm.apply(a, function(i) return mean[key(i)] end, function(i) return rstd[key(i)] end, 1)
  end,
  cases = {
    { x = "f32[3,4,5]", weight = "f32[5]", bias = "f32[5]", training = true },
    { x = "f32[2,3,2,4]", training = true, eps = 0.01 },
    { x = "f32[3,4,2]", weight = "f32[2]", bias = "f32[2]", running_mean = "f32[2]",
      running_var = { shape = { 2 }, fill = positive } },
    { x = "f32[0,3,2]", training = true },
  },
  grad = { "x", "weight", "bias" },
  step = 1e-6,
  errors = {
    { { x = "f32[2,3,4]" }, "running_mean is needed" },
    { { x = "f32[2,3,4]", running_mean = "f32[4]", running_var = "f32[3]" }, "running_var must be %[4%]" },
  },
}
