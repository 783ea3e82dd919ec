local ref = require "tests.lib.ref"

return {
  def = function(a)
    local dx, done = ref.like(a.x), {}
    for i = 1, #dx do
      local k = ref.broadcast(a.y, ref.where(a.x, i))
      if not done[k] and a.x[i] == a.y[k] then
        dx[i], done[k] = a.dy[k], true
      end
    end
    return dx
  end,
  cases = {
    { dy = "f32[2,1,4]", x = { shape = { 2, 3, 4 }, fill = function(i) return i % 5 end },
      y = { shape = { 2, 1, 4 }, fill = function(i) return i % 3 end } },
    { dy = "f32[1]", x = { shape = { 3 }, fill = function() return 1 end },
      y = { shape = { 1 }, fill = function() return 1 end } },
    { dy = "f32[0,1]", x = "f32[0,3]", y = "f32[0,1]" },
  },
  errors = { { { dy = "f32[2]", x = "f32[3]", y = "f32[2]" }, "not folds of x" } },
}
