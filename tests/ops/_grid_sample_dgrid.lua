-- Between whole numbers the sampled value is linear along each axis: its slope is a difference.
local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

local function grid(shape)
  return { shape = shape, fill = function(i) return i * 7919 % 13 / 2 - 1.25 end }
end

return {
  def = function(a)
    local m = image.layout(a.x)
    return ref.new(a.grid.shape, function(i)
      local point, axis = (i - 1) // 3, (i - 1) % 3 + 1
      local n, sum, step = point // (#a.grid // 3 // m.n), 0, 1 / 64
      for c = 0, m.c - 1 do
        local value = {}
        for s = 0, 1 do
          local p = { a.grid[point * 3 + 1], a.grid[point * 3 + 2], a.grid[point * 3 + 3] }
          p[axis] = p[axis] + s * step
          value[s] = image.sample(a.x, m, n, p[1], p[2], p[3], c, "linear", a.outside, a.border)
        end
        sum = sum + a.dy[point * m.c + c + 1] * (value[1] - value[0]) / step
      end
      return sum
    end)
  end,
  cases = {
    { dy = "f32[2,2,3,2,2]", x = "f32[2,4,3,5,2]", grid = grid { 2, 2, 3, 2, 3 } },
    { dy = "f32[1,2,3,2,1]", x = "f32[1,4,3,5,1]", grid = grid { 1, 2, 3, 2, 3 }, outside = 3 },
    { dy = "f32[1,2,3,2,1]", x = "f32[1,4,3,5,1]", grid = grid { 1, 2, 3, 2, 3 }, border = "edge" },
  },
  grad = false,
}
