-- patch.lua — the voxels a step sees when the recipe leaves data.patch and data.size open.
local fail = require "semisam.fail"

local patch = {}

local MOST_VOXELS = 96 ^ 3 -- of a patch, for steps of seconds
local LEAST_SIDE = 32      -- memory alone makes no side smaller
local VOXEL_BYTES = 700    -- the default student's training takes, of each volume of a batch
local MEMORY = 0.4         -- share of the budget for that

-- Sides d, h, w of a case after resampling.
local function sides(head, data)
  local out = {}
  for i = 1, 3 do
    local n = head.sides[i]
    if type(data.spacing) == "number" then
      n = math.max(1, math.floor(n * (data.true_spacing or head.mm[i]) / data.spacing + 0.5))
    end
    out[i] = n
  end
  return out
end

-- Shortens the longest sides by steps of m until the patch has no more than `most` voxels.
local function limit(out, m, most)
  while out[1] * out[2] * out[3] > most do
    local at = 1
    for i = 2, 3 do
      if out[i] > out[at] then at = i end
    end
    if out[at] - m < LEAST_SIDE then return end
    out[at] = out[at] - m
  end
end

--- A patch for volumes that are large, or of different or awkward sizes: per axis the smallest
--- volume, down to a multiple that the networks can halve, cut to what memory and patience allow.
--- nil when all are of one size that fits as it is.
---@param heads { sides: integer[], mm: number[] }[] of the volumes
---@param data table settings
---@param batch table the recipe's
---@param budget number bytes of the device
---@return integer[]?
function patch.choose(heads, data, batch, budget)
  local least, same
  for k, head in ipairs(heads) do
    local s = sides(head, data)
    least, same = least or table.move(s, 1, 3, 1, {}), k == 1 or same
    for i = 1, 3 do
      same = same and s[i] == least[i]
      least[i] = math.min(least[i], s[i])
    end
  end
  if not least then return nil end
  local m = math.min(least[1], least[2], least[3]) >= 32 and 16 or 8
  local out = {}
  for i = 1, 3 do
    out[i] = least[i] // m * m
    if out[i] == 0 then
      fail.data("the smallest volume has %d x %d x %d voxels, networks need %d along each side; "
        .. "set data.size to pad", least[1], least[2], least[3], m)
    end
  end
  local volumes = batch.labelled + batch.unlabelled
  limit(out, m, math.min(MOST_VOXELS, MEMORY * budget / (VOXEL_BYTES * volumes)))
  for i = 1, 3 do same = same and out[i] == least[i] end
  return not same and out or nil
end

return patch
