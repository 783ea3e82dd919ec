-- losses.lua — the loss terms of Semi-SAM+ (manual section 6) and how they add up.
--
-- Logits are [n, ..., c], channels last. c = 1 means one foreground class with a sigmoid, c >= 2 a
-- softmax whose channel 1 is the background. Labels are whole numbers 0..classes of shape [n, ...,
-- 1] or [n, ...].
local ss = require "semisam"

local losses = {}

-- Small constant of the soft Dice ratio (SSL4MIS): empty prediction against empty truth costs 0.
losses.DICE_EPS = 1e-5
-- Keeps logarithms of probabilities finite (UA-MT).
losses.LOG_EPS = 1e-6

--- Foreground probabilities [n, ..., f]: f = 1 for a sigmoid, c - 1 for a softmax.
---@param logits semisam.tensor [n, ..., c]
function losses.foreground(logits)
  local c = logits.shape[#logits.shape]
  if c == 1 then return logits:sigmoid() end
  return logits:softmax(-1):slice(-1, 2, c)
end

--- Probabilities of all classes [n, ..., c], c >= 2, the background first.
---@param logits semisam.tensor
function losses.probabilities(logits)
  if logits.shape[#logits.shape] > 1 then return logits:softmax(-1) end
  local p = logits:sigmoid()
  return ss.cat(1 - p, p, { dim = -1 })
end

--- The likeliest class of `probabilities`, whole numbers [n, ..., 1], and its probability.
---@param p semisam.tensor
---@return semisam.tensor label f32
---@return semisam.tensor confidence
function losses.hard(p)
  local opts = { dim = -1, keepdim = true }
  return p:argmax(opts):to("f32"), p:max { dims = { -1 }, keepdim = true }
end

--- p^(1/T) over its sum along the classes: closer to 0 and 1 the smaller the temperature T.
---@param p semisam.tensor probabilities of all classes
---@param temperature number
function losses.sharpen(p, temperature)
  local q = p:pow(1 / temperature)
  return q / (q:sum { dims = { -1 }, keepdim = true } + losses.LOG_EPS)
end

--- Entropy -sum p ln(p + 1e-6) of the classes of each voxel, [n, ..., 1].
---@param p semisam.tensor probabilities of all classes
function losses.entropy(p)
  return (p * (p + losses.LOG_EPS):log()):sum { dims = { -1 }, keepdim = true } * -1
end

--- Kullback-Leibler divergence sum p ln(p / q) of the classes of each voxel, [n, ..., 1].
---@param p semisam.tensor probabilities of all classes
---@param q semisam.tensor of the same shape
function losses.kl(p, q)
  local eps = losses.LOG_EPS
  return (p * ((p + eps):log() - (q + eps):log())):sum { dims = { -1 }, keepdim = true }
end

--- The strict threshold p > 1/2 of foreground probabilities, as 0/1 floats of the same shape.
function losses.above_half(p) return p:gt(0.5):to("f32") end

-- Truth as 0/1 floats shaped like the foreground probabilities.
local function targets(label, logits)
  local shape = logits.shape
  local c = shape[#shape]
  local y = label
  if #y.shape == #shape then y = y:reshape((table.move(y.shape, 1, #shape - 1, 1, {}))) end
  if c == 1 then
    shape[#shape] = 1
    return y:gt(0):to("f32"):reshape(shape)
  end
  return y:to("i64"):one_hot(c):to("f32"):slice(-1, 2, c), y:to("i64")
end
losses.targets = targets

--- Soft Dice loss with squared denominator, 1 - (2 sum py + eps) / (sum p^2 + sum y^2 + eps), mean
--- over the foreground channels. `per_sample` takes the ratio per sample instead of over the batch,
--- `plain` sums p + y in the denominator.
---@param p semisam.tensor foreground probabilities [n, ..., f]
---@param y semisam.tensor 0/1 of the same shape
---@param opts? {per_sample: boolean?, plain: boolean?}
function losses.soft_dice(p, y, opts)
  return p:soft_dice(y, {
    squared = not (opts and opts.plain), per_sample = opts and opts.per_sample or false,
    eps = losses.DICE_EPS,
  })
end

--- Mean cross-entropy: binary from one logit, or over the classes of a softmax.
function losses.cross_entropy(logits, label)
  local y, index = targets(label, logits)
  if index then return logits:cross_entropy(index) end
  return logits:bce_with_logits(y)
end

--- L_sup = ce * CE + dice * soft Dice. The manual leaves it open; SSL4MIS uses one half each.
---@param logits semisam.tensor
---@param label semisam.tensor
---@param weight? {ce: number, dice: number, per_sample: boolean?, plain: boolean?}
---@param parts? table gets the two parts without weights as numbers: sup_ce, sup_dice
function losses.supervised(logits, label, weight, parts)
  weight = weight or { ce = 0.5, dice = 0.5 }
  local y = targets(label, logits)
  local total
  if weight.ce ~= 0 then
    local ce = losses.cross_entropy(logits, label)
    if parts then parts.sup_ce = ce:item() end
    total = ce * weight.ce
  end
  if weight.dice ~= 0 then
    local dice = losses.soft_dice(losses.foreground(logits), y, weight)
    if parts then parts.sup_dice = dice:item() end
    dice = dice * weight.dice
    total = total and total + dice or dice
  end
  if not total then error("supervised: both weights are 0; there is nothing to learn from", 2) end
  return total
end

--- The same on the voxels where `keep` is 1: what a thresholded pseudo-label or one region of a mix
--- supervises. Without any such voxel it is 0.
---@param logits semisam.tensor
---@param label semisam.tensor whole numbers [n, ..., 1]
---@param keep semisam.tensor 0/1 [n, ..., 1]
---@param weight? {ce: number, dice: number}
function losses.masked(logits, label, keep, weight)
  weight = weight or { ce = 0.5, dice = 0.5 }
  local y, index = targets(label, logits)
  local total = ss.zeros {}
  if weight.ce ~= 0 then
    local ce
    if index then
      local flat = keep:reshape(index.shape):to("i64")
      ce = logits:cross_entropy(index * flat + flat - 1) -- -1 where it is not kept
    else
      ce = logits:bce_with_logits(y, keep)
    end
    total = total + ce * weight.ce
  end
  if weight.dice ~= 0 then
    local p = losses.foreground(logits)
    total = total + p:soft_dice(y, keep:expand(p.shape), {
      squared = not weight.plain, per_sample = weight.per_sample or false, eps = losses.DICE_EPS,
    }) * weight.dice
  end
  return total
end

-- Distances of foreground probabilities; p_t has no gradient.
local distance = {}

function distance.mse(p_s, p_t)
  local d = p_s - p_t
  return (d * d):mean()
end

-- Cross-entropy of p_s under p_t, per class inside or not.
function distance.ce(p_s, p_t)
  local p = p_s:clamp(losses.LOG_EPS, 1 - losses.LOG_EPS)
  return (p_t * p:log() + (1 - p_t) * (1 - p):log()):mean() * -1
end

-- KL(p_t || p_s): the cross-entropy without the entropy of p_t.
function distance.kl(p_s, p_t)
  local q = p_t:clamp(losses.LOG_EPS, 1 - losses.LOG_EPS)
  return distance.ce(p_s, q) - distance.ce(q, q)
end

function distance.dice(p_s, p_t) return losses.soft_dice(p_s, p_t) end

--- L_con: distance of student and teacher probabilities; the gradient goes to the student only.
---@param p_s semisam.tensor foreground probabilities of the student
---@param p_t semisam.tensor of the teacher
---@param dist? "mse"|"ce"|"kl"|"dice"
function losses.consistency(p_s, p_t, dist)
  local f = distance[dist or "mse"]
  if not f then
    error(("consistency: dist is mse, ce, kl or dice, got %s"):format(tostring(dist)), 2)
  end
  return f(p_s, p_t:detach())
end

--- Signed distance maps in [-1, 1] of masks: negative inside, each side divided by its largest
--- distance, 0 on the border voxels of the object (DTC). An empty mask gives 0 everywhere.
---@param y semisam.tensor 0/1 [n, d, h, w, f]
function losses.signed_distance(y)
  local s, parts = y.shape, {}
  for i = 1, s[1] do
    local channels = {}
    for k = 1, s[5] do
      local m = y:slice(1, i, i):slice(-1, k, k):reshape { s[2], s[3], s[4] }
      local size, map = m:sum():item(), m * 0
      if size > 0 and size < m.count then
        local inner, outer = ss.distance_transform(m), ss.distance_transform(1 - m)
        map = (outer / outer:max() - inner / inner:max()) * (1 - inner:eq(1):to("f32"))
      end
      channels[k] = map:reshape { 1, s[2], s[3], s[4], 1 }
    end
    parts[i] = s[5] == 1 and channels[1] or ss.cat(channels, { dim = -1 })
  end
  return s[1] == 1 and parts[1] or ss.cat(parts, { dim = 1 })
end

-- Weights of the voxels in L_rs-con: every (volume, class) pair with a confident voxel sums to one.
local function trust_weights(mu, conf, balance, reduce)
  local shape = mu.shape
  local n, f = shape[1], shape[#shape]
  if reduce == "batch" then n = 1 elseif reduce ~= "volume" then
    error(("trusted: reduce is \"volume\" or \"batch\", got %s"):format(tostring(reduce)), 3)
  end
  local m = mu:reshape { n, -1, f }
  local c = conf:reshape { n, -1, f }:to("f32")
  local function share(part, weight)
    local total = part:sum { dims = { 2 }, keepdim = true }
    return part * (weight / total:maximum(1)), total
  end
  local w, used
  if balance == "none" then
    w, used = share(c, 1)
  elseif balance == "fg" then
    local fg = m:gt(0.5):to("f32") * c
    local bg = c - fg
    local nf = fg:sum { dims = { 2 }, keepdim = true }
    local nb = bg:sum { dims = { 2 }, keepdim = true }
    -- half the weight to each side; all of it where the other side is empty
    local half = 1 / (nf:gt(0):to("f32") + nb:gt(0):to("f32")):maximum(1)
    w = share(fg, half) + share(bg, half)
    used = nf + nb
  else
    error(("trusted: balance is \"fg\" or \"none\", got %s"):format(tostring(balance)), 3)
  end
  local pairs_used = used:gt(0):to("f32"):sum()
  return (w / pairs_used:maximum(1)):reshape(shape)
end

--- L_rs-con: masked squared distance of the student to the generalists' mean map. Per (volume,
--- class) a mean over the confident voxels, then the mean over those that have any; no confident
--- voxel at all costs 0 with zero gradient. balance = "fg" gives foreground (mu > 1/2) and
--- background voxels equal total weight, "none" is the manual's literal ratio; reduce = "batch"
--- takes one ratio over all volumes.
---@param p_s semisam.tensor foreground probabilities [n, ..., f]
---@param mu semisam.tensor mean map of Algorithm 2, same shape
---@param conf semisam.tensor M_conf, bool or 0/1, same shape
---@param opts? {balance: "fg"|"none", reduce: "volume"|"batch", target: semisam.tensor?}
---  target: p_f where it is not mu itself; mu still says what is foreground
function losses.trusted(p_s, mu, conf, opts)
  local balance, reduce = opts and opts.balance or "fg", opts and opts.reduce or "volume"
  mu = mu:detach()
  local w = ss.no_grad(trust_weights, mu, conf, balance, reduce)
  local d = p_s - (opts and opts.target or mu):detach()
  return (w * d * d):sum()
end

return losses
