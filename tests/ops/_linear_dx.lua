local ref = require "tests.lib.ref"

return {
  def = function(a)
    local w, shape = a.weight, { table.unpack(a.dy.shape) }
    local n, k = w.shape[1], w.shape[2]
    shape[#shape] = k
    return ref.new(shape, function(i)
      local row, c, sum = (i - 1) // k, (i - 1) % k, 0
      for o = 1, n do sum = sum + a.dy[row * n + o] * w[(o - 1) * k + c + 1] end
      return sum
    end)
  end,
  cases = {
    { dy = "f32[3,5]", weight = "f32[5,4]" }, { dy = "f32[5]", weight = "f32[5,7]" },
    { dy = "f32[2,150,8]", weight = "f32[8,6]" }, { dy = "f32[0,5]", weight = "f32[5,4]" },
  },
  grad = false,
  errors = { { { dy = "f32[3,5]", weight = "f32[4,5]" }, "f32%[3,5%].*f32%[4,5%]" } },
}
