local norm = require "tests.lib.norm"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    local key = function(i)
      local _, c = norm.where(a.x, i)
      return c
    end
    local mean, rstd, n = norm.stats(a.x, key, 0)
    local f = a.momentum
    return ref.like(a.running_mean, function(c) return (1 - f) * a.running_mean[c] + f * mean[c] end),
      ref.like(a.running_var, function(c)
        return (1 - f) * a.running_var[c] + f / rstd[c] ^ 2 * n[c] / (n[c] - 1)
      end)
  end,
  writes = { "running_mean", "running_var" },
  cases = {
    { running_mean = "f32[3]", running_var = "f32[3]", x = "f32[2,5,3]" },
    { running_mean = "f32[2]", running_var = "f32[2]", x = "f32[3,4,4,2]", momentum = 0.5 },
  },
  errors = {
    { { running_mean = "f32[3]", running_var = "f32[2]", x = "f32[2,5,3]" }, "running_var must be %[3%]" },
  },
}
