local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.new(a.shape, function()
      if a.dtype == "bool" then return a.value ~= 0 and 1 or 0 end
      return a.dtype == "f32" and a.value or math.floor(a.value + 0.5)
    end)
  end,
  cases = {
    { shape = { 2, 3 }, value = 0.5 }, { shape = {}, value = -2 }, { shape = { 0, 3 }, value = 1 },
    { shape = { 4 }, value = 7, dtype = "i64" }, { shape = { 4 }, value = 7, dtype = "u8" },
    { shape = { 4 }, value = 0.5, dtype = "bool" },
  },
  errors = { { { shape = { 2, -3 }, value = 0 }, "axis 2 would have size %-3" } },
}
