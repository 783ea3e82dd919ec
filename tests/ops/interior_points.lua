local mask = require "tests.lib.mask"
local pick = require "tests.lib.pick"
local ref = require "tests.lib.ref"

-- Indices of the core: distance to the outside of the largest component above half its maximum.
local function core(v)
  local label = mask.components(v, "face")
  local padded = { d = v.d + 2, h = v.h + 2, w = v.w + 2, count = (v.d + 2) * (v.h + 2) * (v.w + 2) }
  local function outside(j)
    local z, y, x = mask.zyx(padded, j)
    local i = mask.at(v, z - 1, y - 1, x - 1)
    return not i or label[i] ~= 1
  end
  local distance, most = {}, 0
  for i = 1, v.count do
    local z, y, x = mask.zyx(v, i)
    distance[i] = label[i] == 1 and mask.distance(padded, z + 1, y + 1, x + 1, { 1, 1, 1 }, outside) or 0
    most = math.max(most, distance[i])
  end
  local list = {}
  for i = 1, v.count do
    if label[i] == 1 and distance[i] > most / 2 then list[#list + 1] = { mask.zyx(v, i) } end
  end
  return list
end

return {
  def = function(a)
    local volumes, n = mask.volumes(a.mask)
    local y = ref.new(n and { n, a.k, 3 } or { a.k, 3 })
    for m, v in ipairs(volumes) do pick.points(core(v), pick.key(a.key, m - 1), a.k, y, (m - 1) * a.k * 3) end
    return y
  end,
  cases = {
    { mask = { shape = { 6, 7, 8 }, dtype = "u8", fill = function(i)
      local z, y, x = (i - 1) // 56, (i - 1) // 8 % 7, (i - 1) % 8
      return ((z - 3) ^ 2 + (y - 3) ^ 2 + (x - 4) ^ 2 < 10 or (z == 0 and y == 0)) and 1 or 0
    end }, k = 5, key = 11 },
    { mask = "f32[2,4,5,6]", k = 3, key = 12 },
    { mask = { shape = { 4, 4, 4 }, dtype = "bool", fill = function() return 1 end }, k = 9, key = 13 },
    { mask = { shape = { 2, 3, 3, 3, 1 }, dtype = "u8", fill = function(i) return i == 14 and 1 or 0 end },
      k = 2, key = -3 },
    { mask = "u8[0,2,3]", k = 2, key = 1 },
    { mask = "u8[3,2,3]", k = 0, key = 1 },
  },
  tol = 0,
  grad = false,
  errors = { { { mask = "u8[3,2,3]", k = -1, key = 1 }, "k must not be negative.*%-1" } },
}
