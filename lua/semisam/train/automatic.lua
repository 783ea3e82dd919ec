-- automatic.lua — what a recipe leaves open, chosen from the data: voxel size, patch, classes and
-- the student's channels. All of it is told, and each setting can be given instead.
local fail = require "semisam.fail"
local patch = require "semisam.train.patch"
local preprocess = require "semisam.data.preprocess"
local ss = require "semisam"

local automatic = {}

local MOST_RATIO = 1.5  -- of the longest to the shortest side of a voxel that is kept
local MOST_SPREAD = 1.1 -- of a case's voxel side to the median of all
local MOST_CLASSES = 32 -- chosen from label files alone
local LABELS_READ = 64  -- files, where no dataset.json names the classes

-- Header facts of a case: voxels d, h, w, their sides in mm, channels.
local function facts(case)
  local head = ss.nifti_head(case.image)
  local shape, mm = head.shape, head.spacing
  local n = #shape
  return { id = case.id, sides = { shape[n - 2], shape[n - 1], shape[n] },
    mm = { mm[3], mm[2], mm[1] },
    channels = n == 4 and shape[1] * #case.channels or #case.channels }
end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

-- ---- voxels ------------------------------------------------------------------------------------

-- The side in mm to resample to, nil where the voxels can stay as they are.
local function spacing(heads)
  local middle, spread = {}, 1
  for i = 1, 3 do
    local all = {}
    for k, head in ipairs(heads) do all[k] = head.mm[i] end
    middle[i] = median(all)
    for _, mm in ipairs(all) do spread = math.max(spread, mm / middle[i], middle[i] / mm) end
  end
  local ratio = math.max(table.unpack(middle)) / math.min(table.unpack(middle))
  if ratio <= MOST_RATIO and spread <= MOST_SPREAD then return nil end
  local side = (middle[1] * middle[2] * middle[3]) ^ (1 / 3)
  return tonumber(("%.2g"):format(side)), middle
end

local function settle_voxels(cfg, heads, log)
  local d = cfg.data
  local given = d.spacing or d.true_spacing or d.size[1] or d.patch[1]
  local side, middle = nil, nil
  if not given then side, middle = spacing(heads) end
  if side then
    d.spacing = side
    log(("voxels differ or are far from cubes (typically %.3g x %.3g x %.3g mm): resampled to %g "
      .. "mm; data.spacing chooses another side, or keep"):format(middle[1], middle[2], middle[3],
      side))
  end
  if d.patch[1] or d.size[1] then return end
  local chosen = patch.choose(heads, d, cfg.batch, ss.memory(cfg.device).budget)
  if not chosen then return end
  d.patch = chosen
  log(("patches of %d x %d x %d voxels are cut; data.patch chooses others"):format(
    table.unpack(chosen)))
end

-- ---- classes and channels ----------------------------------------------------------------------

-- The classes of label files: 1 where they hold one number beside 0.
local function classes_of_files(set, d)
  local single, top = nil, 0
  for i = 1, math.min(#set.labelled, LABELS_READ) do
    local case = set.labelled[i]
    local highest, only = preprocess.label_values(case, d.label_channel)
    if highest > 0 then
      if single == nil then single = highest end
      if not only or highest ~= single then single = false end
    end
    top = math.max(top, highest)
    if not single and top >= MOST_CLASSES then
      fail.data("%s holds label %d; so many classes are not taken for granted: set data.classes "
        .. "(1: inside or not, n: labels 0 to n - 1)", case.label, top)
    end
  end
  return single ~= false and 1 or top + 1
end

local function classes(set, d)
  local names, top = 0, 0
  for value in pairs(set.classes) do names, top = names + 1, math.max(top, value) end
  if names == 0 then return classes_of_files(set, d) end
  return names == 1 and 1 or top + 1
end

-- The student's option that says how many channels an image has.
local CHANNELS = { unet3d = "in_channels", vnet = "in_channels", meshnet = "in_channels",
  slicing_sam3d = "modalities" }

local function settle_student(cfg, set, heads, log)
  local d, student = cfg.data, cfg.student
  if not d.classes then
    d.classes = classes(set, d)
    if d.classes > 1 then
      log(("labels 0 to %d are told apart; data.classes=1 makes one object of them"):format(
        d.classes - 1))
    end
  end
  if d.classes > 1 and not student.classes then student.classes = d.classes end
  for _, head in ipairs(heads) do
    if head.channels ~= heads[1].channels then
      fail.data("case %s has %d channels, case %s has %d", heads[1].id, heads[1].channels, head.id,
        head.channels)
    end
  end
  local key = CHANNELS[student[1]]
  if heads[1].channels > 1 and not student[key] then student[key] = heads[1].channels end
end

--- Settles data.spacing, data.patch, data.classes and the student's classes and channels where the
--- recipe does not.
---@param cfg table recipe, changed
---@param set table of data/dataset.lua
---@param log fun(text: string)
function automatic.settle(cfg, set, log)
  local heads = {}
  for _, role in ipairs { "labelled", "unlabelled" } do
    for _, case in ipairs(set[role]) do heads[#heads + 1] = facts(case) end
  end
  settle_voxels(cfg, heads, log)
  settle_student(cfg, set, heads, log)
end

return automatic
