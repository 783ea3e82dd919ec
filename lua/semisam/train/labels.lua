-- labels.lua — pseudo-labels of a run: Algorithm 2 on a batch or out of the cache, what is logged
-- about them, and the guard that asks whether they are any good.
local ss = require "semisam"
local augment = require "semisam.data.augment"
local infer = require "semisam.infer"
local losses = require "semisam.losses"
local preprocess = require "semisam.data.preprocess"
local pseudo = require "semisam.pseudo"
local rng = require "semisam.rng"

local labels = {}

local HELD_OUT = 4 -- validation cases that show whether pseudo-labels help
local MEMORY = 0.9 -- share of the past in the guard's running Dice

local function dice(a, b)
  local both, size = (a * b):sum():item(), (a:sum() + b:sum()):item()
  return size > 0 and 2 * both / size or 1
end

-- What Algorithm 2 is told besides the recipe's words.
local function options(run)
  local o = {}
  for key, value in pairs(run.cfg.pseudo) do o[key] = value end
  o.u_th, o.augment = run.u_th, augment
  return o
end

--- Algorithm 2 on a batch, in the frame of its weak view.
---@param run table
---@param batch table { weak, samples }
---@param p semisam.tensor foreground probabilities that prompt, same frame
function labels.online(run, batch, p)
  local rngs = {}
  for k, s in ipairs(batch.samples) do
    rngs[k] = rng { seed = run.cfg.seed, epoch = s.draw, case = s.case.id, purpose = "pseudo" }
  end
  return pseudo.batch(batch.weak, p, run.generalists, options(run), rngs)
end

-- Algorithm 2 on one volume, packed to bytes: { mu, var, union, empty }.
local function packed_label(run, image, r)
  local p = losses.foreground(run.teacher.net(image))
  local label = pseudo.label(image, p, run.generalists, options(run), r)
  local out = pseudo.pack(label)
  out.empty = label.empty
  return out
end

-- The same on windows side by side where training sees patches; the last along an axis ends with
-- the volume.
local function windows(run, image, r)
  local window, size, start, sides, at = run.cfg.data.patch, {}, {}, {}, {}
  for i = 1, 3 do
    size[i] = image.shape[i + 1]
    sides[i] = math.max(size[i], window[i])
    start[i] = -((sides[i] - size[i]) // 2)
    at[i] = infer.starts(sides[i], window[i], window[i])
  end
  local full, out = preprocess.window(image, start, sides), { empty = 0 }
  for _, z in ipairs(at[1]) do
    for _, y in ipairs(at[2]) do
      for _, x in ipairs(at[3]) do
        local place = { z, y, x }
        local one = ss.scoped(packed_label, run, infer.cut(full, place, window),
          r:fork(table.concat(place, " ")))
        out.empty = math.max(out.empty, one.empty)
        for _, name in ipairs(pseudo.MAPS) do
          local shape = { 1, sides[1], sides[2], sides[3], one[name].shape[5] }
          out[name] = out[name] or ss.zeros(shape, { dtype = "u8" })
          infer.cut(out[name], place, window):copy_(one[name])
        end
      end
    end
  end
  for _, name in ipairs(pseudo.MAPS) do
    out[name] = preprocess.window(out[name], { -start[1], -start[2], -start[3] }, size):copy()
  end
  return out
end

-- What Algorithm 2 makes of a case as it is stored: { mu, var, union, empty, round }.
local function keep(run, case, round)
  local packed = ss.scoped(function()
    local r = rng { seed = run.cfg.seed, epoch = round, case = case.id, purpose = "pseudo" }
    local make = run.cfg.data.patch[1] and windows or packed_label
    return make(run, run.store:image(case), r)
  end)
  packed.round = round
  for _, name in ipairs(pseudo.MAPS) do ss.keep(packed[name]) end
  return packed
end

--- Pseudo-labels computed once per case from the teacher on the unaugmented volume, kept, and
--- warped by each batch's geometry. `round` names the refresh: another one computes them anew.
function labels.cached(run, u, round)
  local parts, out = {}, { empty = 0 }
  for k, s in ipairs(u.samples) do
    local kept = run.kept[s.case.id]
    if not kept or kept.round ~= round then
      kept = keep(run, s.case, round)
      run.kept[s.case.id] = kept
    end
    local turned = {}
    for _, name in ipairs(pseudo.MAPS) do turned[name] = s.geometry:apply(kept[name]) end
    for name, map in pairs(pseudo.unpack(turned, run.u_th)) do
      parts[name] = parts[name] or {}
      parts[name][k] = map
    end
    out.empty = out.empty + kept.empty
  end
  for name, list in pairs(parts) do out[name] = ss.cat(list, { dim = 1 }) end
  return out
end

--- The probabilities that prompt the generalists: the student on its strong view, or the teacher.
function labels.prompting(run, u, p_s)
  if run.cfg.pseudo.coarse_from == "student" then return p_s:detach() end
  return losses.foreground(run.teacher.net(u.weak))
end

--- Numbers that show whether the pseudo-labels help: how much is trusted (everywhere, and around
--- the object), how far the label moved from the mask that prompted it.
function labels.watch(run, label, coarse, note)
  local hot = losses.above_half(label.mu)
  note.conf = label.conf:mean():item()
  local roi = pseudo.dilate(label.union, run.cfg.pseudo.dilate)
  local size = roi:sum():item()
  note.conf_roi = size > 0 and (label.conf * roi):sum():item() / size or 0
  note.pseudo_coarse = dice(hot, coarse)
  note.empty = label.empty
  note.object = size > 0
end

--- The guard against pseudo-labels that are stable but wrong: Algorithm 2 on the labelled batch,
--- prompted by the student, against its labels. Returns the running Dice.
---@param run table
---@param l table labelled batch
---@param logits semisam.tensor of the student
---@param note table
---@return number
function labels.guard(run, l, logits, note)
  local found = ss.no_grad(ss.scoped, function()
    local label = labels.online(run, l, losses.foreground(logits):detach())
    return dice(losses.above_half(label.mu), (losses.targets(l.label, logits)))
  end)
  local n = run.numbers
  n.guard = (n.guard and MEMORY * n.guard + (1 - MEMORY) * found or found) + 0.0
  note.pseudo_truth = found
  return n.guard
end

-- The two views of a held-out case, drawn as for an unlabelled one, and its label.
local function views_of(run, case)
  local r = rng { seed = run.cfg.seed, epoch = run.numbers.step, case = case.id,
    purpose = "held out" }
  local geometry = augment.draw(run.batches.geometry, r:fork("geometry"), run.store:size(case))
  local strong = augment.draw(run.cfg.strong, r:fork("strong"), geometry:size_after())
  local sample = { case = case, draw = run.numbers.step, geometry = geometry, strong = strong }
  local u = { samples = { sample } }
  for name, x in pairs(run.store:views(sample, true)) do u[name] = x:to(run.cfg.device) end
  return u
end

--- What the pseudo-labels are worth, on cases that nothing learns from: Algorithm 2 on the first
--- `count` validation cases, prompted as in training. A case whose view holds no object does not
--- count.
---@param run table
---@param count integer
---@return number? coarse mean Dice of the masks that prompt against the truth; nil without a case,
---  and where the labels belong to other volumes (pseudo.shuffled)
---@return number? pseudo mean Dice of the pseudo-labels made from them
function labels.held_out(run, count)
  local coarse, hot, n = 0, 0, 0
  if run.cfg.pseudo.shuffled then return nil end
  for i = 1, math.min(count, #run.set.val) do
    ss.no_grad(ss.scoped, function()
      local u = views_of(run, run.set.val[i])
      local logits = run.student(u.strong)
      local truth = losses.targets(u.label, logits)
      if truth:sum():item() == 0 then return end
      local p = labels.prompting(run, u, losses.foreground(logits))
      coarse = coarse + dice(losses.above_half(p), truth)
      hot = hot + dice(losses.above_half(labels.online(run, u, p).mu), truth)
      n = n + 1
    end)
  end
  if n == 0 then return nil end
  return coarse / n, hot / n
end

--- How many validation cases held_out() looks at.
---@param cfg table recipe
---@return integer
function labels.looked_at(cfg)
  return math.max(cfg.watch.pseudo, cfg.pseudo.sanity == "validation" and HELD_OUT or 0)
end

--- What `pseudo.sanity = "validation"` does: pseudo-labels that are worse, by more than
--- `pseudo.worse`, than the masks they come from teach nothing. L_rs-con is left out until a later
--- validation finds them better.
---@param run table
---@param coarse number? mean Dice of the masks on validation cases; nil: not looked at
---@param pseudo_dice number? mean Dice of the labels
function labels.judge(run, coarse, pseudo_dice)
  local n, p = run.numbers, run.cfg.pseudo
  if p.sanity ~= "validation" or not coarse then return end
  local harmful = pseudo_dice < coarse - p.worse
  if harmful ~= (n.harmful or false) then
    run.log:say(("pseudo-labels: Dice %.3f, the masks they come from %.3f: L_rs-con is %s"):format(
      pseudo_dice, coarse, harmful and "left out until they are better" or "back"))
  end
  n.harmful = harmful or nil
end

return labels
