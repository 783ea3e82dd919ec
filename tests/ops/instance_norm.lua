local norm = require "tests.lib.norm"

return {
  def = function(a)
    local key = function(i)
      local n, c = norm.where(a.x, i)
      return n .. " " .. c
    end
    local mean, rstd = norm.stats(a.x, key, a.eps)
    return norm.apply(a, function(i) return mean[key(i)] end, function(i) return rstd[key(i)] end, a.slope)
  end,
  cases = {
    { x = "f32[2,3,4,5,3]" },
    { x = "f32[2,7,5]", weight = "f32[5]", bias = "f32[5]", slope = 0.01 },
    { x = "f32[1,9,4]", residual = "f32[1,9,4]", slope = 0.2 },
    { x = "f32[2,11,2]", weight = "f32[2]", bias = "f32[2]", residual = "f32[2,11,2]", slope = 0, eps = 0.1 },
    { x = "f32[1,300,17]", slope = 0.01 }, -- several chunks and a partial row
    { x = "f32[1,12,600]" }, -- more channels than one slab holds
    { x = { shape = { 1, 500, 2 }, fill = function(i) return 100 + i % 7 end } }, -- no cancellation
    { x = "f32[0,3,2]" }, { x = "f32[2,0,2]" }, { x = "f32[2,3,0]" },
  },
  step = 1e-6,
  errors = {
    { { x = "f32[4]" }, "%[n, %.%.%., c%]" },
    { { x = "f32[2,3,4]", weight = "f32[3]" }, "weight must be %[4%]" },
    { { x = "f32[2,3,4]", residual = "f32[2,4,4]" }, "residual" },
  },
}
