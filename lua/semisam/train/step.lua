-- step.lua — one step of Semi-SAM+: L_sup + lambda L_con + beta L_rs-con.
--
-- The supervised and the mean-teacher recipe are this code with weights of 0: a term whose weight
-- can only be 0 is not computed, and since random numbers are counted, leaving it out changes
-- nothing else.
local ss = require "semisam"
local augment = require "semisam.data.augment"
local losses = require "semisam.losses"
local pseudo = require "semisam.pseudo"
local rng = require "semisam.rng"

local step = {}

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

--- Algorithm 2 on the batch, in the frame of its weak view.
function step.online(run, u, coarse)
  local rngs = {}
  for k, s in ipairs(u.samples) do
    rngs[k] = rng { seed = run.cfg.seed, epoch = s.draw, case = s.case.id, purpose = "pseudo" }
  end
  return pseudo.batch(u.weak, coarse, run.generalists, options(run), rngs)
end

--- The coarse mask that prompts the generalists: the student on its strong view, or the teacher.
function step.coarse(run, u, p_s)
  if run.cfg.pseudo.coarse_from == "student" then return losses.above_half(p_s:detach()) end
  return losses.above_half(losses.foreground(run.teacher.net(u.weak)))
end

--- Pseudo-labels computed once per case from the teacher on the unaugmented volume, kept, and
--- warped by each batch's geometry. `round` names the refresh: another one computes them anew.
function step.cached(run, u, round)
  local parts, empty = { mu = {}, var = {}, conf = {} }, 0
  for k, s in ipairs(u.samples) do
    local kept = run.kept[s.case.id]
    if not kept or kept.round ~= round then
      kept = step.keep_label(run, s.case, round)
      run.kept[s.case.id] = kept
    end
    local label = pseudo.unpack({ mu = s.geometry:apply(kept.mu),
      var = s.geometry:apply(kept.var) },
      run.u_th)
    for name, list in pairs(parts) do list[k] = label[name] end
    empty = empty + kept.empty
  end
  local out = { empty = empty }
  for name, list in pairs(parts) do out[name] = ss.cat(list, { dim = 1 }) end
  return out
end

--- Algorithm 2 for a case as it is stored, packed to bytes: { mu, var, empty, round }.
function step.keep_label(run, case, round)
  local packed = ss.scoped(function()
    local image = run.store:image(case)
    local coarse = losses.above_half(losses.foreground(run.teacher.net(image)))
    local r = rng { seed = run.cfg.seed, epoch = round, case = case.id, purpose = "pseudo" }
    local label = pseudo.label(image, coarse, run.generalists, options(run), r)
    local out = pseudo.pack(label)
    out.empty, out.round = label.empty, round
    return out
  end)
  ss.keep(packed.mu)
  ss.keep(packed.var)
  return packed
end

-- Numbers that show whether the pseudo-labels help: how much is trusted (everywhere, and around the
-- object), how far the label moved from the mask that prompted it.
local function watch(label, coarse, note)
  local hot = losses.above_half(label.mu)
  note.conf = label.conf:mean():item()
  local roi = hot:maximum(coarse)
  local size = roi:sum():item()
  note.conf_roi = size > 0 and (label.conf * roi):sum():item() / size or 0
  note.pseudo_coarse = dice(hot, coarse)
  note.empty = label.empty
  note.object = size > 0
end

--- The terms of one micro-batch as tensors, and what to log. `index` counts micro-batches.
---@param run table
---@param index integer
---@param lambda number
---@param beta number
---@return table terms {sup, con?, rs?}
---@return table note numbers
function step.terms(run, index, lambda, beta)
  local cfg, note = run.cfg, {}
  local l = run.batches:labelled(index)
  local terms = { sup = losses.supervised(run.student(l.image), l.label, cfg.loss.sup, note) }
  if not (lambda > 0 or beta > 0) then return terms, note end

  local u = run.batches:unlabelled(index)
  local p_s = losses.foreground(run.student(u.strong))
  if lambda > 0 then
    local p_t = ss.no_grad(function() return losses.foreground(run.teacher.net(u.weak)) end)
    terms.con = losses.consistency(p_s, p_t, cfg.loss.con)
  end
  if beta > 0 then
    local started = run.clock()
    local label = ss.no_grad(function()
      local coarse = step.coarse(run, u, p_s)
      local round = run.pseudo_round(index)
      local found = round and step.cached(run, u, round) or step.online(run, u, coarse)
      watch(found, coarse, note)
      return found
    end)
    terms.rs = losses.trusted(p_s, label.mu, label.conf, { balance = cfg.loss.balance })
    note.pseudo_seconds = run.clock() - started
  end
  return terms, note
end

--- The weighted sum that is minimised.
function step.total(terms, lambda, beta)
  local total = terms.sup
  if terms.con then total = total + terms.con * lambda end
  if terms.rs then total = total + terms.rs * beta end
  return total
end

return step
