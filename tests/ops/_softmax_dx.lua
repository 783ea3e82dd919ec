local axis = require "tests.lib.axis"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    local dx = ref.like(a.y)
    axis.lines(a.y, a.dim, function(at, d)
      local s = 0
      for k = 1, d do s = s + a.dy[at(k)] * a.y[at(k)] end
      for k = 1, d do dx[at(k)] = a.y[at(k)] * (a.dy[at(k)] - s) end
    end)
    return dx
  end,
  cases = { { dy = "f32[70,3]", y = "f32[70,3]" }, { dy = "f32[2,3,5]", y = "f32[2,3,5]", dim = 2 } },
}
