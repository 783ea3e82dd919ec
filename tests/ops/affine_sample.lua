local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

local function matrix(list, shape)
  return { shape = shape or { 3, 4 }, fill = function(i) return list[i] end }
end

local turned = matrix { 0.875, 0.25, -0.125, 0.375, -0.25, 1.125, 0.0625, 0.125, 0.125, 0, 0.75, -0.25 }
local identity = matrix { 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0 }
local two = matrix({
  0.5, 0, 0, -0.25, 0, 0.5, 0, -0.25, 0, 0, 0.5, -0.25,
  0, 1, 0, 0, 1, 0, 0, 0.3125, 0, 0, -1, 3,
}, { 2, 3, 4 })

return {
  def = function(a)
    local m = image.layout(a.x)
    local size = a.size or { m.d, m.h, m.w }
    if type(size) == "number" then size = { size, size, size } end
    local shape = table.move(size, 1, 3, 1, {})
    if #a.x.shape > 3 then shape[4] = m.c end
    if #a.x.shape == 5 then table.insert(shape, 1, m.n) end
    local out = { n = m.n, c = m.c, d = size[1], h = size[2], w = size[3] }
    return ref.new(shape, function(i)
      local n, z, y, x, c = image.where(out, i)
      local o = #a.matrix == 24 and 12 * n or 0
      local p = {}
      for r = 0, 2 do
        local k = o + 4 * r
        p[r + 1] = a.matrix[k + 1] * z + a.matrix[k + 2] * y + a.matrix[k + 3] * x + a.matrix[k + 4]
      end
      return image.sample(a.x, m, n, p[1], p[2], p[3], c, a.mode, a.outside, a.border)
    end)
  end,
  cases = {
    { x = "f32[4,5,6]", matrix = turned },
    { x = "f32[4,5,6,2]", matrix = turned, size = { 3, 7, 5 }, outside = -2 },
    { x = "f32[2,3,4,5,3]", matrix = two, size = { 6, 6, 8 }, border = "edge" },
    { x = "f32[4,5,6]", matrix = identity, border = "edge" },
    { x = "f32[4,5,6]", matrix = turned, mode = "nearest", border = "edge" },
    { x = "u8[4,5,6]", matrix = turned, mode = "nearest", outside = 255 },
    { x = "i64[2,3,4,5,2]", matrix = two, mode = "nearest", outside = -1 },
    { x = "f32[0,2,3]", matrix = identity, size = 2, outside = 1 },
    { x = "f32[2,2,3]", matrix = identity, size = { 0, 2, 2 } },
  },
  grad = { "x" },
  errors = {
    { { x = "f32[2,3]", matrix = identity }, "an image is.*f32%[2,3%]" },
    { { x = "u8[2,3,4]", matrix = identity }, "linear needs f32, got u8" },
    { { x = "f32[2,3,4]", matrix = "f32[4,4]" }, "matrix must be %[3,4%]" },
    { { x = "f32[2,3,4]", matrix = identity, size = { 1, -1, 1 } }, "size %-1" },
  },
}
