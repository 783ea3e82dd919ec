local mask = require "tests.lib.mask"
local pick = require "tests.lib.pick"
local ref = require "tests.lib.ref"

local function ball(shape, z0, y0, x0, r)
  return { shape = shape, dtype = "u8", fill = function(i)
    local h, w = shape[#shape - 1], shape[#shape]
    local z, y, x = (i - 1) // (h * w), (i - 1) // w % h, (i - 1) % w
    return (z - z0) ^ 2 + (y - y0) ^ 2 + (x - x0) ^ 2 < r * r and 1 or 0
  end }
end

return {
  def = function(a)
    local volumes, n = mask.volumes(a.mask)
    local y = ref.new(n and { n, a.k, 3 } or { a.k, 3 })
    for m, v in ipairs(volumes) do
      local list = {}
      for i = 1, v.count do
        local z, yy, x = mask.zyx(v, i)
        local away = mask.distance(v, z, yy, x, { 1, 1, 1 }, function(j) return v[j] end)
        if away >= a.near and away <= a.far then list[#list + 1] = { z, yy, x } end
      end
      pick.points(list, pick.key(a.key, m - 1), a.k, y, (m - 1) * a.k * 3)
    end
    return y
  end,
  cases = {
    { mask = ball({ 9, 8, 10 }, 3, 3, 4, 2.5), k = 6, key = 5 },
    { mask = ball({ 2, 6, 5, 7 }, 3, 3, 4, 2.5), k = 40, key = 6, near = 1, far = 2 },
    { mask = { shape = { 4, 4, 4 }, dtype = "bool", fill = function() return 1 end }, k = 2, key = 13 },
    { mask = { shape = { 4, 4, 4 }, dtype = "bool", fill = function() return 0 end }, k = 2, key = 13 },
    { mask = "u8[0,2,3]", k = 2, key = 1 },
  },
  tol = 0,
  grad = false,
  errors = { { { mask = "u8[3,2,3]", k = 1, key = 1, near = 4, far = 2 }, "0 < near <= far.*4 and 2" } },
}
