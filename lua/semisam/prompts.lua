-- prompts.lua — prompts for a generalist, drawn from a coarse mask (manual section 5.2).
--
-- A mask is one volume [d, h, w] of 0/1. Points are voxel coordinates (z, y, x), counted from 0, in
-- a tensor [k, 3]; labels [k] say 1 for "inside", 0 for "outside". Draws are counted: the same rng
-- gives the same prompts.
local ss = require "semisam"

local prompts = {}

-- Tiny masks give no prompts: fewer voxels than this, or than this part of the volume.
prompts.MIN_VOXELS = 20
prompts.MIN_PART = 1e-5

--- Whether a mask is too small to prompt with.
---@param mask semisam.tensor of 0/1
---@param opts? {min_voxels: number?, min_part: number?}
function prompts.too_small(mask, opts)
  local voxels = mask:to("f32"):sum():item()
  return voxels < math.max(opts and opts.min_voxels or prompts.MIN_VOXELS,
    (opts and opts.min_part or prompts.MIN_PART) * mask.count)
end

--- k voxels drawn with probability proportional to `weight` (the smallest of exponential variables
--- over their rates).
---@param weight semisam.tensor [d, h, w], not negative, somewhere positive
---@param k integer
---@param rng semisam.rng
---@return semisam.tensor points [k, 3]
function prompts.weighted(weight, k, rng)
  local out, s = {}, weight.shape
  local rate = weight:reshape { weight.count }
  for i = 1, k do
    local wait = (ss.uniform({ weight.count }, rng:key(i)) + 1e-12):log() * -1 / rate
    local at = wait:argmin(1):item()
    out[i] = { at // (s[2] * s[3]), at // s[3] % s[2], at % s[3] }
  end
  return ss.tensor(out):to("f32")
end

--- `points` voxels inside the mask's largest component, and `negatives` voxels on a shell 3 to 6
--- outside. By default they come from the core, further from the edge than half the deepest voxel
--- (the click rule of SAM-Med3D); with points_by = "confidence" with probability proportional to
--- `p`; with "outside" from anywhere outside the mask, though the labels say inside: a control that
--- must not help.
---@param mask semisam.tensor [d, h, w] of 0/1, not empty
---@param rng semisam.rng
---@param opts? {points: integer?, negatives: integer?, points_by: string?}
---@param p? semisam.tensor [d, h, w] probabilities
---@return semisam.tensor points [k, 3]
---@return semisam.tensor labels [k]
function prompts.points(mask, rng, opts, p)
  local k, negatives = opts and opts.points or 1, opts and opts.negatives or 0
  local at
  if opts and opts.points_by == "confidence" then
    at = prompts.weighted(p * ss.largest_component(mask):to("f32"), k, rng:fork("inside"))
  elseif opts and opts.points_by == "outside" then
    at = prompts.weighted(1 - mask, k, rng:fork("inside"))
  else
    at = ss.interior_points(mask, k, rng:key("inside"))
  end
  local labels = ss.ones { k }
  if negatives > 0 then
    local outside = ss.ring_points(mask, negatives, rng:key("outside"))
    local first = outside:flat()[1]
    if first == first then -- NaN: the shell leaves the volume
      at, labels = ss.cat(at, outside, { dim = 1 }), ss.cat(labels, ss.zeros { negatives },
        { dim = 1 })
    end
  end
  return at, labels
end

--- The bounding box of `mask`, each face moved outward or inward by up to `jitter` of the box's
--- side.
---@param mask semisam.tensor [d, h, w] of 0/1, not empty
---@param rng semisam.rng
---@param opts? {jitter: number?}
---@return semisam.tensor box [2, 3]: lowest and highest (z, y, x)
function prompts.box(mask, rng, opts)
  local jitter = opts and opts.jitter or 0.05
  local box, shape = ss.mask_box(mask):totable(), mask.shape
  for i = 1, 3 do
    local side = box[2][i] - box[1][i] + 1
    box[1][i] = math.max(0, box[1][i] + rng:number(-jitter, jitter) * side)
    box[2][i] = math.min(shape[i] - 1, box[2][i] + rng:number(-jitter, jitter) * side)
    box[1][i] = math.min(box[1][i], box[2][i]) -- a thin object's faces may have crossed
  end
  return ss.tensor(box)
end

--- A 0/1 mask as the logits that SAM-type prompt encoders expect: +scale inside, -scale outside.
---@param mask semisam.tensor
---@param scale? number default 4
function prompts.mask_logits(mask, scale)
  return (mask:to("f32") * 2 - 1) * (scale or 4)
end

--- Probabilities as logits, limited to -scale .. scale.
---@param p semisam.tensor
---@param scale? number default 4
function prompts.logits(p, scale)
  scale = scale or 4
  local q = p:clamp(1e-6, 1 - 1e-6)
  return (q:log() - (1 - q):log()):clamp(-scale, scale)
end

--- The next click of a person who corrects `answer` towards `mask`: a voxel of the larger of the
--- two kinds of error, from its core while `centred`, anywhere in it afterwards. nil when there is
--- no error.
---@param mask semisam.tensor [d, h, w] of 0/1
---@param answer? semisam.tensor [d, h, w] of 0/1; nil: nothing was answered yet
---@param rng semisam.rng
---@param centred boolean
---@return semisam.tensor? point [1, 3]
---@return semisam.tensor? label [1]
function prompts.click(mask, answer, rng, centred)
  local missed = answer and mask * (1 - answer) or mask
  local extra = answer and answer * (1 - mask)
  local n_missed, n_extra = missed:sum():item(), extra and extra:sum():item() or 0
  if n_missed + n_extra == 0 then return nil end
  local inside = n_missed >= n_extra
  local region = inside and missed or extra
  local at = centred and ss.interior_points(region, 1, rng:key("inside"))
    or prompts.weighted(region, 1, rng)
  return at, ss.full({ 1 }, inside and 1 or 0)
end

return prompts
