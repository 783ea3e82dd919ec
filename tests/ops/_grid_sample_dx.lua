-- Adjoint: dx holds the responses of the outputs to single voxels, weighted with dy.
local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

local function grid(shape)
  return { shape = shape, fill = function(i) return (i * 7919 % 1009) / 1009 * 6 - 1 end }
end

return {
  def = function(a)
    local out = image.layout(a.dy)
    local m = { n = out.n, c = out.c, d = a.size[1], h = a.size[2], w = a.size[3] }
    return ref.new({ m.n, m.d, m.h, m.w, m.c }, function(i)
      local n, _, _, _, c = image.where(m, i)
      local single, sum = setmetatable({ [i] = 1 }, { __index = function() return 0 end }), 0
      for j = 1, #a.dy do
        local nj, _, _, _, cj = image.where(out, j)
        if nj == n and cj == c then
          local g = (j - 1) // m.c * 3
          sum = sum + a.dy[j]
            * image.sample(single, m, n, a.grid[g + 1], a.grid[g + 2], a.grid[g + 3], c, a.mode, 0, a.border)
        end
      end
      return sum
    end)
  end,
  cases = {
    { dy = "f32[2,2,3,2,2]", grid = grid { 2, 2, 3, 2, 3 }, size = { 4, 3, 5 } },
    { dy = "f32[1,2,3,2,1]", grid = grid { 1, 2, 3, 2, 3 }, size = { 4, 3, 5 }, border = "edge" },
    { dy = "f32[1,2,3,2,1]", grid = grid { 1, 2, 3, 2, 3 }, size = { 4, 3, 5 }, mode = "nearest" },
  },
  grad = false,
}
