local ref = require "tests.lib.ref"

local function index(shape, n, dtype)
  return { shape = shape, dtype = dtype or "i64", fill = function(i) return i * 7 % n end }
end

return {
  def = function(a)
    return ref.new(a.index.shape, function(i)
      local at = ref.where(a.index, i)
      at[a.dim] = a.index[i] + 1
      return a.x[ref.index(a.x, table.unpack(at))]
    end)
  end,
  cases = {
    { x = "f32[2,5,4]", index = index({ 2, 3, 4 }, 5), dim = 2 },
    { x = "f32[6]", index = index({ 9 }, 6, "i32"), dim = 1 },
    { x = "f32[3,4]", index = index({ 3, 1 }, 4), dim = 2 },
    { x = "f32[0,3]", index = "i64[0,2]", dim = 2 },
    { x = "i32[3,4]", index = index({ 5, 4 }, 3), dim = 1 },
  },
  errors = {
    {
      {
        x = "f32[4]",
        index = { shape = { 2 }, dtype = "i64", fill = function(i) return 2 * i end },
        dim = 1,
      },
      "index 4 at place %[2%] is outside 0 to 3",
    },
    {
      {
        x = "f32[4]",
        index = { shape = { 2 }, dtype = "i32", fill = function() return -1 end },
        dim = 1,
      },
      "index %-1 at place %[1%]",
    },
    { { x = "f32[2,4]", index = "i64[3,4]", dim = 2 }, "except along axis 2" },
  },
}
