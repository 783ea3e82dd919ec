local conv = require "tests.lib.convref"
local twice = require "tests.lib.twice"

return {
  def = function(a)
    local pad, w, size = conv.per_axis(a.pad, 3, 1), a.weight.shape, {}
    for i = 1, 3 do size[i] = a.dy.shape[i + 1] + w[i + 2] - 1 - 2 * pad[i] end
    return twice.sums(conv.backward({ weight = a.weight, pad = pad }, 3, a.dy, size))
  end,
  cases = {
    { dy = "f32[2,3,4,6,4]", weight = "f32[4,3,3,3,3]" },
    { dy = "f32[1,3,8,2,3]", weight = "f32[3,2,2,1,3]", pad = { 1, 0, 1 } },
    { dy = "f32[1,4,16,16,16]", weight = "f32[16,8,1,3,3]", pad = { 0, 1, 1 } },
  },
  tol = 2e-6,
  grad = false,
  errors = {
    { { dy = "f32[1,3,4,5,4]", weight = "f32[4,3,3,3,3]" }, "even number of rows and columns" },
    { { dy = "f32[1,3,4,4,3]", weight = "f32[4,3,3,3,3]" }, "4 channels" },
  },
}
