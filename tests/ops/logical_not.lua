local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local x = a.x[i]
      return x == 0 and 1 or 0
    end)
  end,
  cases = {
    { x = "bool[2,3]" },
    { x = "bool[]" },
    { x = "i32[20]" },
    { x = { shape = { 6 }, fill = function(i) return ({ 0 / 0, 1 / 0, -1 / 0, 0, 1e-30, -3 })[i] end } },
    { x = "u8[0]" },
  },
}
