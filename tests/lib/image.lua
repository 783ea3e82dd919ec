-- How image arguments are read by the definitions of augmentations and sampling.
local image = {}

---Layout of [d,h,w], [d,h,w,c] or [n,d,h,w,c]: n, c, d, h, w.
function image.layout(a)
  local s = a.shape
  local o = #s == 5 and 1 or 0
  return { n = o == 1 and s[1] or 1, c = #s > 3 and s[#s] or 1, d = s[o + 1], h = s[o + 2], w = s[o + 3] }
end

---1-based flat index of 0-based n, z, y, x, c; nil beyond the volume.
function image.at(m, n, z, y, x, c)
  if z < 0 or y < 0 or x < 0 or z >= m.d or y >= m.h or x >= m.w then return nil end
  return (((n * m.d + z) * m.h + y) * m.w + x) * m.c + c + 1
end

---0-based n, z, y, x, c of a 1-based flat index.
function image.where(m, i)
  i = i - 1
  local c = i % m.c
  i = i // m.c
  local x, y, z = i % m.w, i // m.w % m.h, i // (m.w * m.h) % m.d
  return i // (m.w * m.h * m.d), z, y, x, c
end

local function clamp(p, size) return math.max(0, math.min(p, size - 1)) end

---Value at a position between voxels, by the definition of affine_sample.
function image.sample(a, m, n, z, y, x, c, mode, outside, border)
  if border == "edge" then z, y, x = clamp(z, m.d), clamp(y, m.h), clamp(x, m.w) end
  local function voxel(i, j, k)
    local at = image.at(m, n, i, j, k, c)
    return at and a[at] or outside
  end
  if mode == "nearest" then
    return voxel(math.floor(z + 0.5), math.floor(y + 0.5), math.floor(x + 0.5))
  end
  local z0, y0, x0 = math.floor(z), math.floor(y), math.floor(x)
  local sum = 0
  for i = 0, 1 do
    for j = 0, 1 do
      for k = 0, 1 do
        local w = (1 - math.abs(z - z0 - i)) * (1 - math.abs(y - y0 - j)) * (1 - math.abs(x - x0 - k))
        if w > 0 then sum = sum + w * voxel(z0 + i, y0 + j, x0 + k) end
      end
    end
  end
  return sum
end

function image.clip(x, lo, hi) return x < lo and lo or x > hi and hi or x end

return image
