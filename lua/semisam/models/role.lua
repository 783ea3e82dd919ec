-- models/role.lua — what promptable generalists share: prompts checked and given in one form.
--
-- A generalist offers encode(x) -> E and decode(E, prompts) -> logits [n, d, h, w, 1] at the
-- resolution of x. x is [n, d, h, w, c], already prepare()d. prompts is a table
--   { points = [k, 3] voxel coordinates (z, y, x) counted from 0,
--     labels = [k], 1 inside, 0 outside,
--     mask = [.., d, h, w, ..] logits of a previous answer, any resolution,
--     box = [2, 3] lowest and highest voxel, for networks that take one }
-- with any of these, or a list of n such tables, one per volume.
local ss = require "semisam"

local M = {}

local KNOWN = { points = true, labels = true, mask = true }

local function rows(points)
  local list = type(points) == "table" and points or points:totable()
  for i, p in ipairs(list) do
    if type(p) ~= "table" or #p ~= 3 then
      error(("decode: point %d must be three numbers (z, y, x)"):format(i), 0)
    end
  end
  return list
end

local function check(one, i, box)
  for key in pairs(one) do
    if not KNOWN[key] and not (box and key == "box") then
      error(("decode: unknown prompt %q, expected points, labels or mask"):format(tostring(key)), 0)
    end
  end
  local points = one.points and rows(one.points)
  local labels = one.labels and (type(one.labels) == "table" and one.labels or one.labels:flat())
  if (points and #points or 0) ~= (labels and #labels or 0) then
    error(("decode: %d points but %d labels"):format(points and #points or 0,
      labels and #labels or 0), 0)
  end
  if not points and not one.mask and not one.box then
    error(("decode: volume %d has neither points nor a mask"):format(i), 0)
  end
  return { points = points, labels = labels, mask = one.mask, box = one.box and rows(one.box) }
end

---The prompts of n volumes: points and labels as Lua lists, masks as given.
---@param prompts table
---@param n integer
---@param box boolean? whether the network takes boxes
---@return table[]
function M.each(prompts, n, box)
  local list = prompts[1] and prompts or { prompts }
  if #list ~= n then
    error(("decode: %d volumes but prompts for %d"):format(n, #list), 0)
  end
  local checked = {}
  for i, one in ipairs(list) do checked[i] = check(one, i, box) end
  return checked
end

---A mask prompt as logits [1, d, h, w, 1] on another grid. Reductions by a whole factor average,
---everything else is trilinear.
---@param mask tensor d*h*w elements after axes of size 1 are dropped
---@param size integer[] { d, h, w }
---@return tensor
function M.mask_on(mask, size)
  local shape = {}
  for _, n in ipairs(mask.shape) do
    if n ~= 1 then shape[#shape + 1] = n end
  end
  if mask.ndim == 3 then shape = mask.shape end
  if mask.ndim == 5 then shape = { mask:size(2), mask:size(3), mask:size(4) } end
  if #shape ~= 3 then
    error(("decode: mask must be one volume, got [%s]"):format(table.concat(mask.shape, ",")), 0)
  end
  local x = mask:to("f32"):reshape { 1, shape[1], shape[2], shape[3], 1 }
  local factor, whole, same = {}, true, true
  for i = 1, 3 do
    factor[i] = shape[i] // size[i]
    whole = whole and shape[i] == factor[i] * size[i]
    same = same and shape[i] == size[i]
  end
  if same then return x end
  if whole then return x:avg_pool3d(factor) end
  return x:resize(size, { mode = "linear" })
end

-- 1 from lo to hi along an axis of n voxels, shaped to lie along `axis` of a volume.
local function between(n, lo, hi, axis, device)
  local i, shape = ss.arange(n, { device = device }):to("f32"), { 1, 1, 1, 1, 1 }
  shape[axis] = n
  return (i:ge(lo):to("f32") * i:le(hi):to("f32")):reshape(shape)
end

---A box as the mask of its voxels, in logits of +-scale [1, d, h, w, 1].
---@param box number[][] lowest and highest (z, y, x)
---@param size integer[] { d, h, w }
---@param scale number
---@param device string
---@return tensor
function M.box_mask(box, size, scale, device)
  local inside
  for axis = 1, 3 do
    local line = between(size[axis], math.floor(box[1][axis] + 0.5), math.floor(box[2][axis] + 0.5),
      axis + 1, device)
    inside = inside and inside * line or line
  end
  return (inside * 2 - 1) * scale
end

---Prompts of one volume as batch-one tensors.
---@param list number[]
---@param shape integer[]
---@param device string
---@return tensor
function M.tensor(list, shape, device)
  return ss.tensor(list, { device = device }):reshape(shape)
end

return M
