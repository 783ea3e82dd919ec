local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

-- Positions in and a little beyond the volume, away from whole numbers, where the slope jumps.
local function grid(shape, size)
  return { shape = shape, fill = function(i)
    local axis = (i - 1) % 3 + 1
    return math.floor((i * 7919 % 1009) / 1009 * (size[axis] + 2)) - 1 + 0.2 + (i * 31 % 7) / 12
  end }
end

return {
  def = function(a)
    local m = image.layout(a.x)
    local s = a.grid.shape
    local out = { n = s[1], c = m.c, d = s[2], h = s[3], w = s[4] }
    return ref.new({ s[1], s[2], s[3], s[4], m.c }, function(i)
      local n, _, _, _, c = image.where(out, i)
      local g = (i - 1) // m.c * 3
      return image.sample(a.x, m, n, a.grid[g + 1], a.grid[g + 2], a.grid[g + 3], c, a.mode, a.outside,
        a.border)
    end)
  end,
  cases = {
    { x = "f32[2,3,4,5,2]", grid = grid({ 2, 2, 3, 4, 3 }, { 3, 4, 5 }) },
    { x = "f32[1,3,4,5,1]", grid = grid({ 1, 4, 3, 4, 3 }, { 3, 4, 5 }), outside = 0.5 },
    { x = "f32[1,3,4,5,3]", grid = grid({ 1, 4, 3, 4, 3 }, { 3, 4, 5 }), border = "edge" },
    { x = "f32[0,2,3,4,1]", grid = "f32[0,2,2,2,3]" },
  },
  grad = { "x", "grid" },
  errors = {
    { { x = "f32[1,2,3,4,1]", grid = "f32[1,2,3,4,2]" }, "grid %[n,d,h,w,3%].*f32%[1,2,3,4,2%]" },
    { { x = "f32[2,2,3,4,1]", grid = "f32[1,2,3,4,3]" }, "grid %[n,d,h,w,3%]" },
    { { x = "i32[1,2,3,4,1]", grid = "f32[1,2,3,4,3]" }, "linear needs f32, got i32" },
  },
}
