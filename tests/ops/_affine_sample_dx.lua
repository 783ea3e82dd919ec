-- Adjoint: <dy, sample(x)> = <dx, x> for every x, so dx holds the responses to single voxels.
local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

local matrix = { shape = { 3, 4 }, fill = function(i)
  return ({ 0.875, 0.25, -0.125, 0.375, -0.25, 1.125, 0.0625, 0.125, 0.125, 0, 0.75, -0.25 })[i]
end }

return {
  def = function(a)
    local out = image.layout(a.dy)
    local m = { n = out.n, c = out.c, d = a.size[1], h = a.size[2], w = a.size[3] }
    local shape = table.move(a.size, 1, 3, 1, {})
    if #a.dy.shape > 3 then shape[4] = m.c end
    if #a.dy.shape == 5 then table.insert(shape, 1, m.n) end
    return ref.new(shape, function(i)
      local n, _, _, _, c = image.where(m, i)
      local single, sum = setmetatable({ [i] = 1 }, { __index = function() return 0 end }), 0
      for j = 1, #a.dy do
        local nj, z, y, x, cj = image.where(out, j)
        if nj == n and cj == c then
          local p = {}
          for r = 0, 2 do
            local k = 4 * r
            p[r + 1] = a.matrix[k + 1] * z + a.matrix[k + 2] * y + a.matrix[k + 3] * x + a.matrix[k + 4]
          end
          sum = sum + a.dy[j] * image.sample(single, m, n, p[1], p[2], p[3], c, a.mode, 0, a.border)
        end
      end
      return sum
    end)
  end,
  cases = {
    { dy = "f32[3,4,5]", matrix = matrix, size = { 4, 3, 5 } },
    { dy = "f32[2,3,2,4,2]", matrix = matrix, size = { 3, 4, 3 }, border = "edge" },
    { dy = "f32[3,2,4,2]", matrix = matrix, size = { 3, 4, 3 }, mode = "nearest" },
  },
  grad = false,
}
