local mask = require "tests.lib.mask"
local ref = require "tests.lib.ref"

-- Positive everywhere but for holes of 1, 2 (diagonal) and 3 pixels and one at the border.
local holes = { [9] = 0, [25] = -1, [34] = -2, [14] = -1, [15] = -1, [23] = -3, [60] = -1 }

return {
  def = function(a)
    local n, h, w = table.unpack(a.x.shape)
    local y = ref.like(a.x, function(i) return a.x[i] end)
    for k = 0, n - 1 do
      local v = { d = 1, h = h, w = w, count = h * w }
      for i = 1, v.count do v[i] = a.x[k * v.count + i] <= 0 end
      local label, size = mask.components(v, "corner"), {}
      for i = 1, v.count do size[label[i]] = (size[label[i]] or 0) + 1 end
      for i = 1, v.count do
        if label[i] > 0 and size[label[i]] <= a.area then y[k * v.count + i] = a.value end
      end
    end
    return y
  end,
  cases = {
    { x = "f32[2,9,11,1]", area = 8 },
    { x = { shape = { 1, 8, 8, 1 }, fill = function(i) return holes[i] or 1 end }, area = 2, value = 0.5 },
    { x = { shape = { 1, 8, 8, 1 }, fill = function(i) return holes[i] or 1 end }, area = 0 },
    { x = { shape = { 1, 4, 4, 1 }, fill = function() return -1 end }, area = 8 },
    { x = { shape = { 1, 3, 3, 1 }, fill = function(i) return i == 5 and 0 / 0 or 1 end }, area = 8 },
    { x = "f32[0,3,3,1]", area = 8 },
  },
  tol = 1e-7,
  grad = false,
  errors = {
    { { x = "f32[2,3,4]", area = 8 }, "%[n, h, w, 1%]" },
    { { x = "f32[1,3,4,2]", area = 8 }, "%[n, h, w, 1%]" },
    { { x = "f32[1,3,4,1]", area = -1 }, "not be negative, got %-1" },
  },
}
