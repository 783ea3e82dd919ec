-- pseudo.lua — Algorithm 2 of Semi-SAM+: a queue of augmented, prompted answers of frozen
-- generalists becomes a soft pseudo-label (their mean) and a map of trust (their variance below a
-- threshold).
--
-- A generalist offers encode(x) -> E and decode(E, {points =, labels =} or {mask =}) -> logits
-- [1, d, h, w, 1], x being [1, d, h, w, c]. Randomness is counted: the same rng gives the same
-- label.
local ss = require "semisam"
local ask = require "semisam.ask"
local losses = require "semisam.losses"
local prompts = require "semisam.prompts"

local pseudo = {}

-- The largest variance numbers in [0, 1] can have.
pseudo.MAX_VARIANCE = 0.25
-- How the variance is cached: a quarter of the range of u8 would be lost without the factor.
local VARIANCE_SCALE = 1 / pseudo.MAX_VARIANCE
-- What a cached pseudo-label consists of.
pseudo.MAPS = { "mu", "var", "union" }

local DEFAULT_QUEUE = { "mask", "points" }

local Queue = {}
Queue.__index = Queue

--- Running mean and variance of maps, voxel by voxel (Welford). `weight` says where a map counts:
--- a voxel that a warp brought in from outside does not.
function pseudo.queue() return setmetatable({ size = 0 }, Queue) end

---@param map semisam.tensor probabilities
---@param weight? semisam.tensor 0/1 of the same shape; everywhere 1 by default
function Queue:push(map, weight)
  if not self.state then
    self.state = ss.zeros { 3, table.unpack(map.shape) }
  end
  ss.welford_(self.state, map, weight)
  local inside = map:gt(0.5):to("f32")
  if weight then inside = inside * weight end
  self.union = self.union and self.union:maximum(inside) or inside
  self.size = self.size + 1
end

--- Refuses thresholds that keep everything or nothing: u_th in (0, 0.25], or { quantile = q }.
function pseudo.check_threshold(u_th)
  if type(u_th) == "table" then
    local q = u_th.quantile
    if type(q) ~= "number" or not (q > 0 and q <= 1) then
      error(("u_th: quantile must be in (0, 1], got %s"):format(tostring(q)), 2)
    end
  elseif type(u_th) ~= "number" or not (u_th > 0 and u_th <= pseudo.MAX_VARIANCE) then
    error(("u_th: expected a variance in (0, %g] or {quantile = q}, got %s"):format(
      pseudo.MAX_VARIANCE, tostring(u_th)), 2)
  end
end

--- Where the variance is strictly below the threshold, as 0/1 floats. Voxels seen by fewer than two
--- maps are never trusted.
function pseudo.confidence(var, u_th, count)
  local limit = u_th
  if type(u_th) == "table" then limit = var:percentile(100 * u_th.quantile):item() end
  local conf = var:lt(limit):to("f32")
  if count then conf = conf * count:ge(2):to("f32") end
  return conf
end

--- Mean, population variance, M_conf and the manual's Pseudo = mean * M_conf (never to be used
--- without M_conf: its zeros are background or "unknown"). union: where any map says inside.
---@return {mu: semisam.tensor, var: semisam.tensor, conf: semisam.tensor, pseudo: semisam.tensor,
---  union: semisam.tensor}
function Queue:finish(opts)
  pseudo.check_threshold(opts.u_th)
  if self.size == 0 then error("finish: the queue is empty; push a map first", 2) end
  local mean, count = self.state:select(1, 1), self.state:select(1, 3)
  local var = self.state:select(1, 2) / count:maximum(1)
  local conf = pseudo.confidence(var, opts.u_th, self.size > 1 and count)
  return { mu = mean, var = var, conf = conf, pseudo = mean * conf, count = count,
    union = self.union }
end

-- The geometry of round j: the identity first, then draws.
local function geometry_of(j, opts, rng, shape)
  if j == 1 and opts.identity_first ~= false then return opts.augment.identity(shape) end
  return opts.augment.draw(opts.geometry, rng, shape)
end

-- The maps of a class without a prompt: the largest variance, so that no threshold trusts them.
local function unknown(space)
  local shape = { 1, space[1], space[2], space[3], 1 }
  local zero = ss.zeros(shape)
  return { mu = zero, conf = zero, pseudo = zero, union = zero,
    var = ss.full(shape, pseudo.MAX_VARIANCE) }
end

-- What the click at the centre of the volume is, for volumes without a usable mask.
local function centre(space, opts)
  local at = {}
  for i = 1, 3 do at[i] = (space[i] - 1) // 2 end
  return { points = ss.tensor { at }:to("f32"), labels = ss.ones { 1 }, hard = opts.vote == "hard",
    centre = true }
end

local function slice(x, k) return x:slice(-1, k, k) end

--- Algorithm 2 for one unlabelled volume.
---   opts.n           augmentations (the first is the identity unless identity_first = false)
---   opts.u_th        variance threshold, see check_threshold
---   opts.queue       prompt kinds (ask.lua), default { "mask", "points" }: 2 n maps per generalist
---   opts.geometry    list of invertible augmentations
---   opts.photometric list of weak intensity ones
---   opts.points, negatives, points_by, mask_prompt, mask_logit, box_jitter, clicks   the prompts
---   opts.min_voxels, min_part   smaller masks do not prompt; empty = "skip" leaves them unknown,
---                    "centre" clicks at the volume's centre instead
---   opts.vote        "soft" (default) or "hard"
---   opts.augment     the module that draws records (data/augment.lua)
---@param x semisam.tensor [1, d, h, w, c]
---@param p semisam.tensor foreground probabilities (or masks of 0/1) [1, d, h, w, f] that prompt
---  where they exceed one half
---@param teachers table[] generalists
---@param opts table
---@param rng semisam.rng names the seed, epoch and case
---@return table {mu, var, conf, pseudo, union} of shape [1, d, h, w, f], empty = classes without a
---  prompt
function pseudo.label(x, p, teachers, opts, rng)
  pseudo.check_threshold(opts.u_th)
  local coarse, f = losses.above_half(p), p.shape[5]
  local space = { x.shape[2], x.shape[3], x.shape[4] }
  local queues, empty, blind = {}, 0, {}
  for k = 1, f do
    blind[k] = prompts.too_small(slice(coarse, k), opts)
    if blind[k] then empty = empty + 1 end
    if not blind[k] or opts.empty == "centre" then queues[k] = pseudo.queue() end
  end
  if next(queues) then
    for j = 1, opts.n do
      ss.scoped(function() -- only the queues outlive a round, the rest would wait for the collector
        pseudo.round(x, coarse, p, teachers, opts, rng:fork(j), { j = j, queues = queues,
          space = space, blind = blind })
        local kept = {}
        for k, queue in pairs(queues) do kept[k] = { state = queue.state, union = queue.union } end
        return kept
      end)
    end
  end
  local maps, out = { mu = {}, var = {}, conf = {}, pseudo = {}, union = {} }, { empty = empty }
  for k = 1, f do
    local done = queues[k] and queues[k].size > 0 and queues[k]:finish(opts) or unknown(space)
    for name, list in pairs(maps) do list[k] = done[name] end
  end
  for name, list in pairs(maps) do out[name] = f == 1 and list[1] or ss.cat(list, -1) end
  return out
end

-- What each prompted class is prompted with in one augmentation.
local function sights(record, coarse, p, opts, rng, state)
  local seen, valid = {}, not record.exact and record:validity() or nil
  for k in pairs(state.queues) do
    local mask = record:apply(slice(coarse, k), "label")
    if state.blind[k] then
      seen[k] = centre(record:size_after(), opts)
    elseif not prompts.too_small(mask, opts) then
      seen[k] = ask.see(mask, record:apply(slice(p, k)), opts, rng:fork(k))
    end
    if seen[k] then seen[k].valid = valid end
  end
  return seen
end

--- One augmentation of Algorithm 2: every generalist encodes it once, every prompted class is
--- decoded.
function pseudo.round(x, coarse, p, teachers, opts, rng, state)
  local record = geometry_of(state.j, opts, rng:fork("geometry"), state.space)
  local seen_x = record:apply(x)
  if opts.photometric and #opts.photometric > 0 then
    seen_x = opts.augment.draw(opts.photometric, rng:fork("photometric"), state.space):apply(seen_x)
  end
  local inverse = record:inverse()
  local seen = sights(record, coarse, p, opts, rng, state)
  if not next(seen) then return end
  for _, teacher in ipairs(teachers) do
    local code = teacher:encode(teacher.prepare and teacher:prepare(seen_x) or seen_x)
    for k = 1, coarse.shape[5] do
      local s = seen[k]
      local asked = s and (s.centre and { "points" } or opts.queue or DEFAULT_QUEUE) or {}
      for _, kind in ipairs(asked) do
        local map = ask.probability(teacher, code, s, kind)
        state.queues[k]:push(inverse:apply(map), s.valid)
      end
    end
  end
end

--- Algorithm 2 for a batch: volumes one after the other, each under its own case.
---@param x semisam.tensor [n, d, h, w, c]
---@param p semisam.tensor [n, d, h, w, f]
---@param rngs semisam.rng[] one per volume
function pseudo.batch(x, p, teachers, opts, rngs)
  local parts, empty = { mu = {}, var = {}, conf = {}, union = {} }, 0
  for i = 1, x.shape[1] do
    local one = ss.scoped(pseudo.label, x:slice(1, i, i), p:slice(1, i, i), teachers, opts,
      rngs[i])
    empty = empty + one.empty
    for name, list in pairs(parts) do list[i] = one[name] end
  end
  local out = { empty = empty }
  for name, list in pairs(parts) do out[name] = ss.cat(list, 1) end
  return out
end

-- ---- cache ------------------------------------------------------------------

--- A pseudo-label as bytes: mean and variance in u8 (steps of 1/255 and 1/1020).
function pseudo.pack(result)
  return {
    mu = (result.mu * 255 + 0.5):floor():clamp(0, 255):to("u8"),
    var = (result.var * (255 * VARIANCE_SCALE) + 0.5):floor():clamp(0, 255):to("u8"),
    union = result.union:to("u8"),
  }
end

--- The pseudo-label of packed maps under the threshold of today.
function pseudo.unpack(packed, u_th)
  local mu = packed.mu:to("f32") / 255
  local var = packed.var:to("f32") / (255 * VARIANCE_SCALE)
  return { mu = mu, var = var, conf = pseudo.confidence(var, u_th),
    union = packed.union:to("f32") }
end

--- Where a mask [n, d, h, w, f] of 0/1 is, or a voxel of it at most r away along each axis.
---@param mask semisam.tensor
---@param r integer voxels
function pseudo.dilate(mask, r)
  for axis = 1, 3 do
    local kernel, pad = { 1, 1, 1 }, { 0, 0, 0 }
    kernel[axis], pad[axis] = 2 * r + 1, r
    mask = mask:max_pool3d(kernel, { stride = 1, pad = pad })
  end
  return mask
end

--- Rule R4: trust inside the object decides about the threshold. Below one half on average the
--- threshold rises by a quarter (to at most 0.20), above 0.95 it falls back towards its start.
---@param u_th number
---@param trust number mean of M_conf inside the dilated union of the maps, over recent volumes
---@param start number
function pseudo.jitter_rule(u_th, trust, start)
  if trust < 0.5 then return math.min(1.25 * u_th, 0.20) end
  if trust > 0.95 then return math.max(u_th / 1.25, start) end
  return u_th
end

return pseudo
