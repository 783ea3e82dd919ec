-- How points are drawn from a list of candidates, for the tests of interior_points, ring_points.
local rng = require "semisam.rng"
local pick = {}

---The key of volume k (from 0) of a batch.
function pick.key(key, k)
  if k == 0 then return key end
  local lo, hi = rng.block(key, k, 0x766f6c)
  return lo | hi << 32
end

---Writes k points of `list` to y after position `at`: without repeats until all were used.
function pick.points(list, key, k, y, at)
  for i = 0, k - 1 do
    local point = { 0 / 0, 0 / 0, 0 / 0 }
    if #list > 0 then
      local first = i % #list
      local u = ({ rng.block(key, i // 4) })[i % 4 + 1]
      local j = first + (u * (#list - first) >> 32)
      list[first + 1], list[j + 1] = list[j + 1], list[first + 1]
      point = list[first + 1]
    end
    for axis = 1, 3 do y[at + 3 * i + axis] = point[axis] end
  end
end

return pick
