local mask = require "tests.lib.mask"
local ref = require "tests.lib.ref"

local function surface(v)
  local on = {}
  for i = 1, v.count do
    local z, y, x = mask.zyx(v, i)
    for _, s in ipairs { { -1, 0, 0 }, { 1, 0, 0 }, { 0, -1, 0 }, { 0, 1, 0 }, { 0, 0, -1 }, { 0, 0, 1 } } do
      local j = mask.at(v, z + s[1], y + s[2], x + s[3])
      if v[i] and not (j and v[j]) then on[i] = true end
    end
  end
  return on
end

local function directed(v, from, to, spacing)
  local list = {}
  for i = 1, v.count do
    if from[i] then
      local z, y, x = mask.zyx(v, i)
      list[#list + 1] = mask.distance(v, z, y, x, spacing, function(j) return to[j] end)
    end
  end
  return list
end

local function percentile(list, q)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local at = q / 100 * (#sorted - 1)
  local lo = math.floor(at)
  local y = sorted[lo + 1]
  return at > lo and y + (sorted[lo + 2] - y) * (at - lo) or y
end

local function mean(list)
  local sum = 0
  for _, x in ipairs(list) do sum = sum + x end
  return sum / #list
end

local function measure(va, vb, spacing)
  local nan = 0 / 0
  local sa, sb = surface(va), surface(vb)
  local ab, ba = directed(va, sa, sb, spacing), directed(vb, sb, sa, spacing)
  if #ab == 0 or #ba == 0 then return { nan, nan, nan, nan, nan, nan, #ab, #ba } end
  local both = table.move(ba, 1, #ba, #ab + 1, table.move(ab, 1, #ab, 1, {}))
  return {
    percentile(both, 95), math.max(percentile(ab, 95), percentile(ba, 95)),
    mean(ab), mean(ba), (mean(ab) + mean(ba)) / 2, percentile(both, 100), #ab, #ba,
  }
end

local function box(shape, lo, hi)
  return { shape = shape, dtype = "u8", fill = function(i)
    local z, y, x = (i - 1) // (shape[2] * shape[3]), (i - 1) // shape[3] % shape[2], (i - 1) % shape[3]
    local inside = z >= lo and z <= hi and y >= lo and y <= hi and x >= lo and x <= hi
    return inside and 1 or 0
  end }
end

return {
  def = function(a)
    local va, n = mask.volumes(a.a)
    local vb = mask.volumes(a.b)
    local y = ref.new(n and { n, 8 } or { 8 })
    for k = 1, #va do
      for i, value in ipairs(measure(va[k], vb[k], mask.spacing(a.spacing))) do y[(k - 1) * 8 + i] = value end
    end
    return y
  end,
  cases = {
    { a = "f32[4,5,6]", b = "f32[4,5,6]" },
    { a = box({ 7, 8, 9 }, 1, 4), b = box({ 7, 8, 9 }, 2, 6),
      spacing = { shape = { 3 }, fill = function(i) return i * 0.5 end } },
    { a = "bool[2,3,4,3]", b = "bool[2,3,4,3]", spacing = { shape = {}, fill = function() return 0.5 end } },
    { a = box({ 4, 4, 4 }, 0, 3), b = box({ 4, 4, 4 }, 1, 1) },
    { a = box({ 4, 4, 4 }, 9, 9), b = box({ 4, 4, 4 }, 1, 1) },
    { a = box({ 4, 4, 4 }, 9, 9), b = box({ 4, 4, 4 }, 9, 9) },
    { a = "u8[0,2,3]", b = "u8[0,2,3]" },
  },
  grad = false,
  errors = {
    { { a = "u8[2,3,4]", b = "u8[2,3,5]" }, "same shape.*u8%[2,3,4%].*u8%[2,3,5%]" },
    { { a = "u8[2,3,4]", b = "u8[2,3,4]", spacing = { shape = { 1 }, fill = function() return 0 end } },
      "spacing 0.* is outside" },
  },
}
