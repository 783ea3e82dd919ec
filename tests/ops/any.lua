local fold = require "tests.lib.fold"

return {
  def = function(a)
    return fold(a.x, a.dims, a.keepdim, function(list)
      local s = 0
      for _, v in ipairs(list) do
        if v ~= 0 then s = 1 end
      end
      return s
    end)
  end,
  cases = {
    { x = "bool[2,3,4]" }, { x = "bool[2,3,4]", dims = { 2 } },
    { x = "bool[2,3,4]", dims = { 1, 3 }, keepdim = true },
    { x = "bool[9,3]", dims = { 2 } }, { x = "bool[3,5000]", dims = { 2 } }, { x = "bool[0]" },
    { x = "i32[7,2]", dims = { 2 } },
    { x = "f32[3]" },
    { x = { shape = { 9000 }, dtype = "bool", fill = function(i) return i == 8000 and 1 or 0 end } },
    { x = { shape = { 2 }, fill = function() return 0 / 0 end } }, { x = "bool[]" },
    { x = "bool[2,0]", dims = { 2 } },
  },
  errors = {
    { { x = "f32[2,3]", dims = { 1, 1 } }, "axis 1 twice" },
    { { x = "f32[2]", dims = { 2 } }, "any" },
  },
}
