local ref = require "tests.lib.ref"

local function index(shape, n)
  return { shape = shape, dtype = "i64", fill = function(i) return i * 7 % n end }
end

return {
  def = function(a)
    local y = ref.like(a.x, function(i) return a.x[i] end)
    for i = 1, #a.src do
      local at = ref.where(a.src, i)
      at[a.dim] = a.index[i] + 1
      local to = ref.index(y, table.unpack(at))
      y[to] = y[to] + a.src[i]
    end
    return y
  end,
  cases = {
    { x = "f32[2,5,3]", index = index({ 2, 8, 3 }, 5), src = "f32[2,8,3]", dim = 2 },
    { x = "f32[4]", index = index({ 9 }, 4), src = "f32[9]", dim = 1 },
    { x = "f32[4,300]", index = index({ 2, 300 }, 4), src = "f32[2,300]", dim = 1 },
    { x = "i32[4]", index = index({ 9 }, 4), src = "i32[9]", dim = 1 },
    { x = "i32[4]", index = index({ 3 }, 4), src = "i32[3]", dim = 1 },
    { x = "f32[2,300]", index = index({ 2, 600 }, 300), src = "f32[2,600]", dim = 2 },
    { x = "f32[0,3]", index = "i64[0,2]", src = "f32[0,2]", dim = 2 },
  },
  half = 6e-2, -- sums are rounded to half after every addition
  errors = {
    {
      {
        x = "f32[4]",
        index = { shape = { 2 }, dtype = "i64", fill = function() return 4 end },
        src = "f32[2]", dim = 1,
      },
      "index 4 at place %[1%] is outside 0 to 3",
    },
    { { x = "f32[4]", index = "i64[2]", src = "f32[3]", dim = 1 }, "src and index differ" },
    { { x = "f32[4]", index = "i64[2]", src = "i32[2]", dim = 1 }, "x is f32 and src i32" },
  },
}
