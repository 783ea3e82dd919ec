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
function prompts.too_small(mask)
  local voxels = mask:to("f32"):sum():item()
  return voxels < math.max(prompts.MIN_VOXELS, prompts.MIN_PART * mask.count)
end

--- `points` voxels inside the core of the mask's largest component (further from its edge than half
--- the deepest voxel: the click rule of SAM-Med3D), and `negatives` voxels on a shell 3 to 6
--- outside.
---@param mask semisam.tensor [d, h, w] of 0/1, not empty
---@param rng semisam.rng
---@param opts? {points: integer?, negatives: integer?}
---@return semisam.tensor points [k, 3]
---@return semisam.tensor labels [k]
function prompts.points(mask, rng, opts)
  local k, negatives = opts and opts.points or 1, opts and opts.negatives or 0
  local at, labels = ss.interior_points(mask, k, rng:key("inside")), ss.ones { k }
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
  end
  return ss.tensor(box)
end

--- A 0/1 mask as the logits that SAM-type prompt encoders expect: +scale inside, -scale outside.
---@param mask semisam.tensor
---@param scale? number default 4
function prompts.mask_logits(mask, scale)
  return (mask:to("f32") * 2 - 1) * (scale or 4)
end

return prompts
