-- train.lua — the training loop. A recipe is a table of settings; this file is what they mean.
--
--   phases   warm-up on labels, semi-supervised, fine-tune (train/phase.lua)
--   step     L_sup + lambda L_con + beta L_rs-con (train/step.lua)
--   state    student, teacher (supervises), shadow (is validated and shipped), optimiser
--   numbers  step, phase, best Dice, threshold, patience: plain data, saved with the state
local ss = require "semisam"
local batches = require "semisam.train.batches"
local recipe_check = require "semisam.train.check"
local config = require "semisam.config"
local fail = require "semisam.fail"
local folder = require "semisam.train.folder"
local log = require "semisam.train.log"
local nn = require "semisam.nn"
local phase = require "semisam.train.phase"
local prepare = require "semisam.train.prepare"
local pseudo = require "semisam.pseudo"
local rng = require "semisam.rng"
local state = require "semisam.train.state"
local step = require "semisam.train.step"
local system = require "semisam.system"
local validate = require "semisam.train.validate"

local train = {}

local ESTIMATE_AFTER = 20 -- steps
local TRUST_WINDOW = 50 -- volumes over which rule R4 averages

-- What a run counts when it begins. Times of phases are in steps.
local function fresh_numbers(cfg)
  local u_th = cfg.pseudo.u_th
  return {
    step = 0, phase = 1, phase_start = 0, semi_steps = 0, best_dice = -1.0, best_step = 0,
    stale = 0, u_th = type(u_th) == "number" and u_th + 0.0 or 0.0, trust = {},
  }
end

-- The refresh round of cached pseudo-labels, nil while they are computed online: fine-tune computes
-- them once, semi every `refresh` epochs.
local function pseudo_round(run)
  local n = run.numbers
  local p = run.plan[n.phase]
  if p.name == "finetune" then return 1000000 end
  local refresh = run.cfg.pseudo.refresh
  if refresh <= 0 then return nil end
  return (n.step - n.phase_start) // math.max(1, math.floor(refresh * run.plan.steps_per_epoch))
end

-- Builds everything that a run consists of, or loads it where it stopped.
local function start(cfg)
  local run = { cfg = cfg, clock = system.clock, kept = {}, numbers = fresh_numbers(cfg) }
  recipe_check.recipe(cfg)
  prepare.data(run)
  run.generalists = cfg.beta.max > 0 and prepare.generalists(run) or {}
  for name, part in pairs(state.build(cfg)) do run[name] = part end
  run.batches = batches.new(run.store, run.set, cfg)
  run.plan = phase.plan(cfg, run.batches:steps_per_epoch())
  run.pseudo_round = function() return pseudo_round(run) end
  local resumed = cfg.resume ~= ""
  run.place = resumed and folder.open(cfg) or folder.new(cfg)
  if resumed then
    local all = folder.checkpoints(run.place.dir)
    if #all > 0 then state.load(run, all[#all].path) end
  end
  run.log = log.new(run.place.dir, { total = run.plan.steps, quiet = cfg.quiet,
    upto = resumed and run.numbers.step or nil })
  run.log.dice = run.numbers.best_dice >= 0 and run.numbers.last_dice or nil
  run.u_th = type(cfg.pseudo.u_th) == "number" and run.numbers.u_th or cfg.pseudo.u_th
  return run
end

local function checkpoint(run)
  state.save(run, folder.checkpoint_path(run.place.dir, run.numbers.step))
  folder.prune(run.place.dir)
end

-- Stops on a loss that is not a number, naming the term.
local function finite(run, terms, row)
  for name, term in pairs(terms) do
    local v = term:item()
    row[name] = v
    if v ~= v or v == math.huge or v == -math.huge then
      fail.raise("failure",
        "step %d: the loss term \"%s\" is %s; stopped (the last checkpoint is kept)",
        run.numbers.step + 1, name, v ~= v and "not a number" or "infinite")
    end
  end
end

-- Rule R4 on the trust around the object, averaged over recent volumes.
local function jitter(run, note)
  if not run.cfg.pseudo.jitter or note.conf_roi == nil or type(run.u_th) ~= "number" then return end
  if not note.object then return end
  local n = run.numbers
  n.trust[#n.trust + 1] = note.conf_roi
  if #n.trust * run.cfg.batch.unlabelled < TRUST_WINDOW then return end
  local sum = 0
  for _, c in ipairs(n.trust) do sum = sum + c end
  run.u_th = pseudo.jitter_rule(run.u_th, sum / #n.trust, run.cfg.pseudo.u_th)
  n.u_th, n.trust = run.u_th, {}
end

-- One optimiser step: `accumulate` micro-batches, then both averages follow.
local function advance(run)
  local cfg, n = run.cfg, run.numbers
  local p, begun, waited = run.plan[n.phase], run.clock(), run.batches:waited()
  local i = n.step - n.phase_start
  local spe = run.plan.steps_per_epoch
  local lambda, beta = phase.weights(cfg, p, i / spe, n.semi_steps / spe)
  local row = {
    step = n.step + 1, phase = p.name, epoch = i / spe, lr = phase.lr(p, i, spe), lambda = lambda,
    beta = beta, loss = 0,
  }
  run.optim:set_lr(row.lr)
  run.student:train()
  nn.set_key(rng { seed = cfg.seed, epoch = n.step, purpose = "dropout" }:key())
  for k = 0, cfg.batch.accumulate - 1 do
    ss.scoped(function()
      local terms, note = step.terms(run, n.step * cfg.batch.accumulate + k, lambda, beta)
      local total = step.total(terms, lambda, beta)
      finite(run, terms, row)
      row.loss = row.loss + total:item() / cfg.batch.accumulate
      run.optim:backward(total)
      run.optim:step()
      for key, value in pairs(note) do row[key] = value end
      jitter(run, note)
    end)
  end
  run.teacher:update()
  run.shadow:update()
  n.step = n.step + 1
  if p.name == "semi" then n.semi_steps = n.semi_steps + 1 end
  row.u_th = type(run.u_th) == "number" and run.u_th or nil
  row.seconds = run.clock() - begun
  row.wait_seconds = run.batches:waited() - waited
  row.megabytes = ss.memory("cpu").peak / 1e6
  run.log:step(row)
end

-- Dice of the shipped weights and of the student; the first of equal bests is kept.
local function check(run)
  local n, cfg = run.numbers, run.cfg
  run.student:eval()
  local dice = validate.run(run.shadow.net, run.store, run.set.val, cfg)
  if not dice then return end
  local student = validate.run(run.student, run.store, run.set.val, cfg)
  local better = dice > n.best_dice
  if better then
    n.best_dice, n.best_step, n.stale = dice, n.step, 0
    run.best = state.snapshot(run)
    prepare.ship(run)
  else
    n.stale = n.stale + 1
  end
  n.last_dice = dice
  run.log:validated { step = n.step, phase = run.plan[n.phase].name, dice = dice,
    dice_student = student, best = better and 1 or 0 }
  prepare.pictures(run)
end

-- Leaves a phase: the fine-tune's teacher is the best of what came before, and stays as it is.
local function leave(run)
  local n = run.numbers
  n.phase, n.phase_start, n.stale = n.phase + 1, n.step, 0
  local p = run.plan[n.phase]
  if p and p.name == "finetune" then
    if run.best then run.teacher.net:load_state(run.best, { strict = false }) end
    run.teacher:freeze()
  end
end

local function interrupted(run)
  local name, number = system.signal()
  if not name then return nil end
  checkpoint(run)
  run.log:say(("interrupted at step %d; go on with resume=%s"):format(run.numbers.step,
    run.place.dir))
  return 128 + number
end

-- Steps until the phases are over. Returns an exit status when a signal asked to stop.
local function loop(run)
  local n, every = run.numbers, run.cfg.every
  local spe = run.plan.steps_per_epoch
  local began = n.step
  while run.plan[n.phase] do
    local p = run.plan[n.phase]
    advance(run)
    local done = n.step - n.phase_start >= p.steps
    local validated = done or n.step % math.max(1, math.floor(every.validate * spe + 0.5)) == 0
    if validated then check(run) end
    if done or (p.patience > 0 and validated and n.stale * every.validate >= p.patience) then
      if not done then
        run.log:say(("%s: no better validation Dice for %g epochs"):format(p.name,
          p.patience))
      end
      leave(run)
      checkpoint(run)
    elseif n.step % every.checkpoint == 0 then
      checkpoint(run)
    end
    if n.step - began == ESTIMATE_AFTER then
      run.log:say(("about %s for the remaining %d steps"):format(
        log.duration(run.log:pace(n.step) * (run.plan.steps - n.step)), run.plan.steps - n.step))
    end
    local status = interrupted(run)
    if status then return status end
  end
end

--- Trains by a resolved recipe. Returns the run, or nil and an exit status when it was interrupted.
---@param cfg table
function train.fit(cfg)
  local run = start(cfg)
  run.log:say(("run folder: %s"):format(run.place.dir))
  run.log:say(run.summary)
  system.hold(true)
  local ok, status = xpcall(loop, function(err)
    return type(err) == "string" and run.cfg.trace and debug.traceback(err, 2) or err
  end, run)
  system.hold(false)
  run.batches:close()
  if not ok then
    run.log:close()
    error(status, 0)
  end
  if status then
    run.log:close()
    return nil, status
  end
  run.result = prepare.test(run)
  run.log:close()
  return run
end

--- What `semisam RECIPE.lua [key=value ...]` does.
---@param recipe table
---@param args string[]
function train.run(recipe, args)
  local words = {}
  for i, word in ipairs(args or {}) do
    words[i] = (word:gsub("^data=([^{])", "data.root=%1"))
  end
  local ok, cfg = pcall(config.override, recipe, words)
  if not ok then fail.recipe("%s", cfg) end
  if recipe.run then return recipe.run(cfg) end
  local _, status = train.fit(cfg)
  return status or 0
end

return train
