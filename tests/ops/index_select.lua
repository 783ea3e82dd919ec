local ref = require "tests.lib.ref"

local function index(count, n, dtype)
  return { shape = { count }, dtype = dtype or "i64", fill = function(i) return i * 7 % n end }
end

return {
  def = function(a)
    local shape = { table.unpack(a.x.shape) }
    shape[a.dim] = #a.index
    local y = ref.new(shape)
    for i = 1, #y do
      local at = ref.where(y, i)
      at[a.dim] = a.index[at[a.dim]] + 1
      y[i] = a.x[ref.index(a.x, table.unpack(at))]
    end
    return y
  end,
  cases = {
    { x = "f32[2,5,4]", index = index(7, 5), dim = 2 },
    { x = "f32[6]", index = index(3, 6, "i32"), dim = 1 },
    { x = "f32[3,4]", index = index(0, 3), dim = 1 }, { x = "u8[3,4]", index = index(5, 4), dim = 2 },
    { x = "f32[6,8]", index = index(4, 6), dim = 1 }, { x = "i64[4,3]", index = index(5, 4), dim = 1 },
    { x = "f32[2,9,7]", index = index(400, 9), dim = 2 }, { x = "f32[5,14]", index = index(9, 5), dim = 1 },
    { x = "u8[4,63]", index = index(90, 4), dim = 1 }, { x = "u8[4,65]", index = index(90, 4), dim = 1 },
    { x = "f32[3,70,1]", index = index(2100, 70), dim = 2 }, { x = "u8[4,5]", index = index(6, 4), dim = 1 },
    { x = "f32[0,3]", index = index(2, 3), dim = 2 },
  },
  errors = {
    {
      {
        x = "f32[3,4]",
        index = { shape = { 2 }, dtype = "i64", fill = function(i) return i + 1 end },
        dim = 1,
      },
      "index 3 at place %[2%] is outside 0 to 2",
    },
    { { x = "f32[3,4]", index = "i64[1,1]", dim = 1 }, "index has 2 axes" },
  },
}
