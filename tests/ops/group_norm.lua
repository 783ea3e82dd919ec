local norm = require "tests.lib.norm"

return {
  def = function(a)
    local m = a.x.shape[#a.x.shape] // a.groups
    local key = function(i)
      local n, c = norm.where(a.x, i)
      return n .. " " .. (c - 1) // m
    end
    local mean, rstd = norm.stats(a.x, key, a.eps)
    return norm.apply(a, function(i) return mean[key(i)] end, function(i) return rstd[key(i)] end, a.slope)
  end,
  cases = {
    { x = "f32[2,3,4,6]", groups = 3 },
    { x = "f32[2,7,4]", weight = "f32[4]", bias = "f32[4]", groups = 1, slope = 0.1 },
    { x = "f32[1,5,4]", residual = "f32[1,5,4]", groups = 4 },
    { x = "f32[0,3,2]", groups = 1 },
  },
  step = 1e-6,
  errors = { { { x = "f32[2,3,4]", groups = 3 }, "divide the 4 channels, got 3" } },
}
