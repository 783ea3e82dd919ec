local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local x = a.x[i]
      return x ~= x and x or math.abs(x) == math.huge and x or math.floor(x)
    end)
  end,
  cases = {
    { x = "f32[2,3,4]" },
    { x = "f32[]" },
    { x = "f32[0,3]" },
    { x = "f32[3000]" },
    { x = { shape = { 6 }, fill = function(i) return ({ 0 / 0, 1 / 0, -1 / 0, 0, 1e-30, -3 })[i] end } },
  },
}
