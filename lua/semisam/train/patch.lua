-- patch.lua — the voxels a step sees when the recipe leaves data.patch and data.size open.
local fail = require "semisam.fail"
local ss = require "semisam"

local patch = {}

-- Sides d, h, w of a case after resampling, from its header.
local function sides(case, data)
  local head = ss.nifti_head(case.image)
  local s, mm = table.move(head.shape, #head.shape - 2, #head.shape, 1, {}), head.spacing
  if type(data.spacing) == "number" then
    for i = 1, 3 do
      local side = data.true_spacing or mm[4 - i]
      s[i] = math.max(1, math.floor(s[i] * side / data.spacing + 0.5))
    end
  end
  return s
end

--- A patch for volumes of different or awkward sizes: per axis the smallest volume, down to a
--- multiple that the networks can halve. nil when all are of one size that fits as it is.
---@param cases table[]
---@param data table settings
---@return integer[]?
function patch.choose(cases, data)
  local least, first, same = nil, nil, true
  for _, case in ipairs(cases) do
    local s = sides(case, data)
    first = first or s
    least = least or table.move(s, 1, 3, 1, {})
    for i = 1, 3 do
      same = same and s[i] == first[i]
      least[i] = math.min(least[i], s[i])
    end
  end
  if not least then return nil end
  local m = math.min(least[1], least[2], least[3]) >= 32 and 16 or 8
  local fits, out = same, {}
  for i = 1, 3 do
    out[i] = least[i] // m * m
    fits = fits and out[i] == least[i]
    if out[i] == 0 then
      fail.data("the smallest volume has %d x %d x %d voxels, networks need %d along each side; "
        .. "set data.size to pad", least[1], least[2], least[3], m)
    end
  end
  return not fits and out or nil
end

return patch
