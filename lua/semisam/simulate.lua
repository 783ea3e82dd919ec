-- simulate.lua — prompts as a user or a coarse mask would give them, made from a known object: what
-- a generalist is trained with.
local ss = require "semisam"
local preprocess = require "semisam.data.preprocess"
local prompts = require "semisam.prompts"

local simulate = {}

-- Position along an axis of a [d, h, w] volume, shaped to broadcast.
local function along(axis, shape)
  local s = { 1, 1, 1 }
  s[axis] = shape[axis]
  return ss.arange(shape[axis]):reshape(s)
end

local function ball(shape, centre, radius)
  local r2
  for i = 1, 3 do
    local d = along(i, shape) - centre[i]
    r2 = r2 and r2 + d * d or d * d
  end
  return r2:le(radius * radius):to("f32")
end

-- Grown or shrunk by up to `voxels`; a mask that would vanish stays.
local function resized(mask, rng, voxels)
  local by = rng:number(-voxels, voxels)
  if by >= 0 then return ss.distance_transform(mask:lt(0.5)):le(by):to("f32") end
  local small = ss.distance_transform(mask):gt(-by):to("f32")
  return small:sum():item() > 0 and small or mask
end

-- Without the part beyond a random plane near the middle.
local function halved(mask, rng)
  local box, shape = ss.mask_box(mask):totable(), mask.shape
  local side
  for i = 1, 3 do
    local middle = (box[1][i] + box[2][i]) / 2 + 0.15 * (box[2][i] - box[1][i]) * rng:number(-1, 1)
    local part = (along(i, shape) - middle) * rng:gauss()
    side = side and side + part or part
  end
  local kept = mask * side:gt(0):to("f32")
  return kept:sum():item() > 0 and kept or mask
end

--- A mask as a poorly trained student would draw it: grown or shrunk, shifted, cut, with a blob
--- beside.
---@param mask semisam.tensor [d, h, w] of 0/1
---@param rng semisam.rng
---@param opts {grow: number, shift: integer, cut: number, blob: number}
function simulate.degraded(mask, rng, opts)
  local shape = mask.shape
  local m = resized(mask, rng, opts.grow)
  local start = {}
  for i = 1, 3 do start[i] = rng:integer(-opts.shift, opts.shift) end
  m = preprocess.window(m:reshape { 1, shape[1], shape[2], shape[3], 1 }, start,
    shape):reshape(shape)
  if rng:chance(opts.cut) and m:sum():item() > 0 then m = halved(m, rng) end
  if rng:chance(opts.blob) then
    local centre = {}
    for i = 1, 3 do centre[i] = rng:number(0, shape[i] - 1) end
    m = m:maximum(ball(shape, centre, rng:number(1.5, 4)))
  end
  return m
end

--- A prompt for an object: a degraded mask, a few points inside, or both.
---@param mask semisam.tensor [d, h, w] of 0/1, not empty
---@param rng semisam.rng
---@param opts table mask and both (probabilities), points (most), and what degraded() takes
---@return table prompt {mask?, points?, labels?}
function simulate.prompt(mask, rng, opts)
  local kind, out = rng:number(), {}
  if kind < opts.mask + opts.both then
    local m = simulate.degraded(mask, rng:fork("mask"), opts)
    out.mask = prompts.mask_logits(m:reshape { 1, m.shape[1], m.shape[2], m.shape[3], 1 })
  end
  if kind < opts.both or kind >= opts.mask + opts.both then
    out.points, out.labels = prompts.points(mask, rng:fork("points"),
      { points = rng:integer(1, opts.points) })
  end
  return out
end

return simulate
