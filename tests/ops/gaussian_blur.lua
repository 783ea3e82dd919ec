local image = require "tests.lib.image"
local ref = require "tests.lib.ref"

local function mirror(i, n)
  while i < 0 or i >= n do i = i < 0 and -1 - i or 2 * n - 1 - i end
  return i
end

local function blur(a, m, axis, sigma)
  local radius, weight, sum = math.floor(4 * sigma + 0.5), {}, 0
  for j = -radius, radius do
    weight[j] = radius == 0 and 1 or math.exp(-0.5 * j * j / (sigma * sigma))
    sum = sum + weight[j]
  end
  return ref.like(a, function(i)
    local n, z, y, x, c = image.where(m, i)
    local y0 = 0
    for j = -radius, radius do
      local p = { z, y, x }
      p[axis] = mirror(p[axis] + j, ({ m.d, m.h, m.w })[axis])
      y0 = y0 + weight[j] / sum * a[image.at(m, n, p[1], p[2], p[3], c)]
    end
    return y0
  end)
end

return {
  def = function(a)
    local m, y = image.layout(a.x), a.x
    for axis, sigma in ipairs { a.sigma, a.sigma_y or a.sigma, a.sigma_x or a.sigma } do
      y = blur(y, m, axis, sigma)
    end
    return y
  end,
  cases = {
    { x = "f32[4,5,6]", sigma = 0.8 },
    { x = "f32[2,4,3,5,2]", sigma = 0.7, sigma_y = 2.5, sigma_x = 0 },
    { x = "f32[2,3,4,9]", sigma = 1, sigma_x = 0.5 },
    { x = "f32[1,2,300]", sigma = 0, sigma_x = 3 },
    { x = "f32[2,1,70,5]", sigma = 0, sigma_y = 0, sigma_x = 16 },
    { x = "f32[3,2,4]", sigma = 0 },
    { x = "f32[3,0,4]", sigma = 1 },
  },
  errors = {
    { { x = "f32[2,3,4]", sigma = -1 }, "sigma must be in %[0, 16%].*%-1" },
    { { x = "f32[2,3,4]", sigma = 1, sigma_x = 17 }, "sigma must be in %[0, 16%].*17" },
  },
}
