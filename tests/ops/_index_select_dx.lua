local ref = require "tests.lib.ref"

local function index(count, n)
  return { shape = { count }, dtype = "i64", fill = function(i) return i * 7 % n end }
end

return {
  def = function(a)
    local dx = ref.new(a.shape)
    for i = 1, #a.dy do
      local at = ref.where(a.dy, i)
      at[a.dim] = a.index[at[a.dim]] + 1
      local to = ref.index(dx, table.unpack(at))
      dx[to] = dx[to] + a.dy[i]
    end
    return dx
  end,
  cases = {
    { dy = "f32[2,7,4]", index = index(7, 5), shape = { 2, 5, 4 }, dim = 2 },
    { dy = "f32[3,300]", index = index(3, 2), shape = { 2, 300 }, dim = 1 },
    { dy = "f32[20,300]", index = index(20, 4), shape = { 4, 300 }, dim = 1 },
    { dy = "f32[600,2]", index = index(600, 5), shape = { 5, 2 }, dim = 1 },
    { dy = "f32[0,4]", index = index(0, 3), shape = { 3, 4 }, dim = 1 },
  },
  half = 6e-2, -- sums are rounded to half after every addition
  errors = {
    {
      {
        dy = "f32[2]",
        index = { shape = { 2 }, dtype = "i64", fill = function() return 5 end },
        shape = { 3 }, dim = 1,
      },
      "index 5 at place %[1%] is outside 0 to 2",
    },
    { { dy = "f32[2]", index = "i64[3]", shape = { 3 }, dim = 1 }, "do not belong together" },
  },
}
