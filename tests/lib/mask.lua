-- Definitions on masks by plain loops, for the op tests: a mask is split into volumes, each a flat
-- list of booleans with d, h, w.
local mask = {}

---The volumes of a [d,h,w], [n,d,h,w] or [n,d,h,w,1] array and its n (nil without that axis).
function mask.volumes(a)
  local s = a.shape
  local n = #s > 3 and s[1] or nil
  local o = n and 1 or 0
  local d, h, w = s[o + 1], s[o + 2], s[o + 3]
  local list = {}
  for k = 1, n or 1 do
    local v = { d = d, h = h, w = w, count = d * h * w }
    for i = 1, v.count do v[i] = a[(k - 1) * v.count + i] > 0 end
    list[k] = v
  end
  return list, n
end

---1-based index to 0-based z, y, x.
function mask.zyx(v, i)
  return (i - 1) // (v.h * v.w), (i - 1) // v.w % v.h, (i - 1) % v.w
end

---0-based z, y, x to the 1-based index; nil beyond the volume.
function mask.at(v, z, y, x)
  if z < 0 or y < 0 or x < 0 or z >= v.d or y >= v.h or x >= v.w then return nil end
  return (z * v.h + y) * v.w + x + 1
end

local reach = { face = 1, edge = 2, corner = 3 }

---Labels by flood fill, 1 for the largest; also the list of sizes.
function mask.components(v, connectivity)
  local most, seen, found = reach[connectivity], {}, {}
  for i = 1, v.count do
    if v[i] and not seen[i] then
      local part = { i }
      seen[i] = true
      local k = 1
      while part[k] do
        local z, y, x = mask.zyx(v, part[k])
        for dz = -1, 1 do
          for dy = -1, 1 do
            for dx = -1, 1 do
              local j = mask.at(v, z + dz, y + dy, x + dx)
              if j and v[j] and not seen[j] and math.abs(dz) + math.abs(dy) + math.abs(dx) <= most then
                seen[j] = true
                part[#part + 1] = j
              end
            end
          end
        end
        k = k + 1
      end
      part.first = i
      found[#found + 1] = part
    end
  end
  table.sort(found, function(a, b)
    if #a ~= #b then return #a > #b end
    return a.first < b.first
  end)
  local label = {}
  for i = 1, v.count do label[i] = 0 end
  for n, part in ipairs(found) do
    for _, i in ipairs(part) do label[i] = n end
  end
  return label, #found
end

---Distance of voxel z, y, x to the nearest voxel for which `want(index)` holds, by trying all.
function mask.distance(v, z, y, x, spacing, want)
  local best = math.huge
  for j = 1, v.count do
    if want(j) then
      local zz, yy, xx = mask.zyx(v, j)
      local dz, dy, dx = (z - zz) * spacing[1], (y - yy) * spacing[2], (x - xx) * spacing[3]
      best = math.min(best, dz * dz + dy * dy + dx * dx)
    end
  end
  return math.sqrt(best)
end

---The spacing argument as three numbers.
function mask.spacing(s)
  if not s then return { 1, 1, 1 } end
  return #s == 3 and s or { s[1], s[1], s[1] }
end

return mask
