local ref = require "tests.lib.ref"

local function index(shape, n)
  return { shape = shape, dtype = "i64", fill = function(i) return i * 7 % n end }
end

return {
  def = function(a)
    local dx = ref.new(a.shape)
    for i = 1, #a.dy do
      local at = ref.where(a.dy, i)
      at[a.dim] = a.index[i] + 1
      local to = ref.index(dx, table.unpack(at))
      dx[to] = dx[to] + a.dy[i]
    end
    return dx
  end,
  cases = {
    { dy = "f32[2,8,3]", index = index({ 2, 8, 3 }, 5), shape = { 2, 5, 3 }, dim = 2 },
    { dy = "f32[9]", index = index({ 9 }, 4), shape = { 4 }, dim = 1 },
    { dy = "f32[0]", index = "i64[0]", shape = { 4 }, dim = 1 },
  },
  half = 6e-2, -- sums are rounded to half after every addition
  errors = {
    {
      {
        dy = "f32[2]",
        index = { shape = { 2 }, dtype = "i64", fill = function() return 9 end },
        shape = { 4 }, dim = 1,
      },
      "index 9 at place %[1%] is outside 0 to 3",
    },
    { { dy = "f32[2]", index = "i64[3]", shape = { 4 }, dim = 1 }, "differ in shape" },
  },
}
