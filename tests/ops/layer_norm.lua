local norm = require "tests.lib.norm"

return {
  def = function(a)
    local n = a.x.shape[#a.x.shape]
    local row = function(i) return (i - 1) // n end
    local mean, rstd = norm.stats(a.x, row, a.eps)
    return norm.apply(a, function(i) return mean[row(i)] end, function(i) return rstd[row(i)] end, 1)
  end,
  cases = {
    { x = "f32[2,3,5]", weight = "f32[5]", bias = "f32[5]" },
    { x = "f32[40,19]" },
    { x = "f32[2,2,2,2,4]", weight = "f32[4]", eps = 1e-2 },
    { x = "f32[7]", bias = "f32[7]" },
    { x = { shape = { 3, 40 }, fill = function(i) return 1000 + i % 7 end } },
    { x = "f32[2,5000]" }, -- longer than the stack buffer of a row
    { x = "f32[0,4]" }, { x = "f32[3,0]" },
  },
  step = 1e-6,
  errors = {
    { { x = "f32[]" }, "scalar" },
    { { x = "f32[2,3]", weight = "f32[2]" }, "weight must be %[3%]" },
  },
}
