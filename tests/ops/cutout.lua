local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

local function box(...)
  local corners = { ... }
  return { shape = { 2, 3 }, fill = function(i) return corners[i] end }
end

return {
  def = function(a)
    local m = image.layout(a.x)
    local count = m.d * m.h * m.w * m.c
    return ref.like(a.x, function(i)
      local n, z, y, x = image.where(m, i)
      for axis, at in ipairs { z, y, x } do
        if not (at >= a.box[axis] and at <= a.box[axis + 3]) then return a.x[i] end
      end
      if a.value then return a.value end
      local sum = 0
      for j = n * count + 1, (n + 1) * count do sum = sum + a.x[j] end
      return sum / count
    end)
  end,
  cases = {
    { x = "f32[4,5,6]", box = box(1, 0, 2.5, 2, 3, 9) },
    { x = "f32[2,4,5,6,2]", box = box(-3, 1.2, 2, 1.9, 3, 4) },
    { x = "f32[4,5,6,2]", box = box(0, 0, 0, 3, 4, 5), value = -1 },
    { x = "f32[4,5,6]", box = box(2, 2, 2, 1, 3, 3), value = 7 },
    { x = "f32[4,5,6]", box = box(0 / 0, 0, 0, 2, 3, 3), value = 7 },
    { x = "f32[4,5,6]", box = box(4, 0, 0, 9, 3, 3), value = 7 },
    { x = "f32[0,5,6]", box = box(0, 0, 0, 2, 3, 3) },
  },
  errors = { { { x = "f32[1,2,3]", box = "f32[3,2]" }, "box must be %[2,3%].*f32%[3,2%]" } },
}
