-- train.lua — the training loop. A recipe is a table of settings; this file is what they mean.
--
--   phases   warm-up on labels, semi-supervised, fine-tune (train/phase.lua)
--   step     L_sup + lambda L_con + beta L_rs-con (train/step.lua)
--   state    student, teacher (supervises), shadow (is validated and shipped), optimiser
--   numbers  step, phase, best Dice, threshold, patience: plain data, saved with the state
local ss = require "semisam"
local advance = require "semisam.train.advance"
local batches = require "semisam.train.batches"
local recipe_check = require "semisam.train.check"
local config = require "semisam.config"
local fail = require "semisam.fail"
local folder = require "semisam.train.folder"
local guard = require "semisam.train.guard"
local labels = require "semisam.train.labels"
local log = require "semisam.train.log"
local memory = require "semisam.train.memory"
local phase = require "semisam.train.phase"
local prepare = require "semisam.train.prepare"
local report = require "semisam.train.report"
local stages = require "semisam.train.stages"
local state = require "semisam.train.state"
local system = require "semisam.system"
local validate = require "semisam.train.validate"

local train = {}

local ESTIMATE_AFTER = 20 -- steps

-- What a run counts when it begins. Times of phases are in steps.
local function fresh_numbers(cfg)
  return {
    step = 0, phase = 1, phase_start = 0, semi_steps = 0, best_dice = -1.0, best_step = 0,
    stale = 0, u_th = cfg.pseudo.u_th + 0.0, trust = {},
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

-- The threshold of trust in effect: a variance, or the calmest part of the voxels.
local function threshold(run)
  local quantile = run.cfg.pseudo.quantile
  run.u_th = quantile and { quantile = quantile } or run.numbers.u_th
end

-- The networks of a run belong to the stages of its steps.
local function watch_stages(run)
  run.stages = stages.new(run.clock)
  for _, net in ipairs(run.trained) do run.stages:follow(net, "student") end
  run.stages:follow(run.teacher.net, "ema")
  for _, part in pairs(run.parts) do
    if part.net then run.stages:follow(part.net, "ema") end
  end
end

--- Everything that a run consists of but its folder: data, networks, optimiser, batches, phases.
---@param cfg table resolved recipe
function train.build(cfg)
  local run = { cfg = cfg, clock = system.clock, kept = {}, numbers = fresh_numbers(cfg) }
  prepare.data(run)
  run.generalists = cfg.beta.max > 0 and prepare.generalists(run) or {}
  for name, part in pairs(state.build(cfg)) do run[name] = part end
  for _, line in ipairs(run.loaded) do run.summary = run.summary .. "\n" .. line end
  run.batches = batches.new(run.store, run.set, cfg)
  run.plan = phase.plan(cfg, run.batches:steps_per_epoch())
  run.pseudo_round = function() return pseudo_round(run) end
  watch_stages(run)
  threshold(run)
  return run
end

-- A run with its folder: a new one, or where it stopped.
local function start(cfg, words)
  local planned = memory.expect(cfg)
  local run = train.build(cfg)
  run.planned = planned
  local resumed = cfg.resume ~= ""
  run.place = resumed and folder.open(cfg) or folder.new(cfg, words)
  if resumed then
    local all = folder.checkpoints(run.place.dir)
    if #all > 0 then
      state.load(run, all[#all].path)
      run.saved = run.numbers.step
    end
  end
  run.log = log.new(run.place.dir, { total = run.plan.steps, quiet = cfg.quiet,
    upto = resumed and run.numbers.step or nil, pending = run.numbers.pending })
  run.report = report.new(run)
  run.log.dice = run.numbers.best_dice >= 0 and run.numbers.last_dice or nil
  threshold(run)
  return run
end

local function checkpoint(run)
  guard.weights(run)
  state.save(run, folder.checkpoint_path(run.place.dir, run.numbers.step))
  run.saved = run.numbers.step
  folder.prune(run.place.dir)
end

-- Dice of the shipped weights and of the student; the first of equal bests is kept. Returns false
-- when a signal came before it was done.
local function check(run)
  local n, cfg = run.numbers, run.cfg
  local function stop() return system.signal() ~= nil end
  run.student:eval()
  if #run.set.val == 0 then return true end
  local dice, _, loss = validate.run(run.shadow.net, run.store, run.set.val, cfg, stop)
  local student = dice and validate.run(run.student, run.store, run.set.val, cfg, stop)
  if not student then return false end
  local better = dice > n.best_dice
  if better then
    n.best_dice, n.best_step, n.stale = dice, n.step, 0
    run.best = state.snapshot(run)
    prepare.ship(run, dice)
  else
    n.stale = n.stale + 1
  end
  n.last_dice = dice
  local p = run.plan[n.phase]
  local row = { step = n.step, phase = p.name, dice = dice, dice_student = student,
    best = better and 1 or 0, loss = loss }
  local used = p.trained or run.plan[n.phase + 1] and n.step - n.phase_start >= p.steps
  if run.generalists[1] and used then -- from the end of the warm-up on
    row.coarse, row.pseudo = labels.held_out(run, labels.looked_at(cfg))
    labels.judge(run, row.coarse, row.pseudo)
  end
  run.log:validated(row)
  run.report:validated(row)
  return true
end

-- The last average instead of the best: asked for, or without validation there is no best.
local function ship_last(run)
  local n = run.numbers
  if run.cfg.ship == "best" and #run.set.val > 0 then return end
  run.best = state.snapshot(run)
  prepare.ship(run, n.last_dice)
  run.log:say(("shipped: the weights of the last step, %d"):format(n.step))
end

-- Leaves a phase: the fine-tune's teacher is the best of what came before, and stays as it is.
local function leave(run)
  local n = run.numbers
  memory.compare(run, run.plan[n.phase].name)
  n.phase, n.phase_start, n.stale = n.phase + 1, n.step, 0
  local p = run.plan[n.phase]
  if p and p.name == "finetune" then
    if run.best then run.teacher.net:load_state(run.best, { strict = false }) end
    if run.cfg.phases.finetune.teacher == "frozen" then run.teacher:freeze() end
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

-- What follows step n.step: validation, the end of a phase, a checkpoint. While it is `pending`, a
-- checkpoint says so and a resumed run begins here.
local function follow(run)
  local n, every = run.numbers, run.cfg.every
  local spe, p = run.plan.steps_per_epoch, run.plan[n.phase]
  n.pending = true
  local done = n.step - n.phase_start >= p.steps
  local validated = done or n.step % math.max(1, math.floor(every.validate * spe + 0.5)) == 0
  if validated and not check(run) then return end
  n.pending = nil
  if done or (p.patience > 0 and validated and n.stale * every.validate >= p.patience) then
    if not done then
      run.log:say(("%s: no better validation Dice for %g epochs"):format(p.name, p.patience))
    end
    leave(run)
    checkpoint(run)
  elseif n.step % every.checkpoint == 0 then
    checkpoint(run)
  end
end

-- Steps until the phases are over. Returns an exit status when a signal asked to stop.
local function loop(run)
  local n = run.numbers
  local began = n.step
  if n.pending then follow(run) end
  while run.plan[n.phase] do
    local status = interrupted(run)
    if status then return status end
    advance(run)
    follow(run)
    if n.step - began == ESTIMATE_AFTER then
      run.log:say(("about %s for the remaining %d steps"):format(run.log:left(n.step),
        run.plan.steps - n.step))
    end
  end
  return interrupted(run)
end

-- An error with its status and with what to do about it.
local function explained(cfg, err, run)
  if fail.status_of(err) then return err end
  local more, kind, message = "", ss.last_error()
  if kind == "E_NOMEM" and message ~= "" and tostring(err):find(message, 1, true) then
    more = (". max_gb is %s; a smaller data.patch, batch or student needs less"):format(
      cfg.max_gb and tostring(cfg.max_gb) or "not set")
  end
  if run and run.saved then
    more = more .. ("; the checkpoint of step %d is kept, resume=%s goes on"):format(run.saved,
      run.place.dir)
  end
  return fail.fixed(err, more)
end

-- Runs f on the recipe's device, with its limit on memory.
local function limited(cfg, f)
  local before = ss.memory(cfg.device).budget
  if cfg.max_gb then ss.set_budget(cfg.device, math.floor(cfg.max_gb * 1e9)) end
  local results = table.pack(pcall(ss.on, cfg.device, f))
  ss.set_budget(cfg.device, before)
  if not results[1] then error(explained(cfg, results[2]), 0) end
  return table.unpack(results, 2, results.n)
end

-- The loop, and what has to be closed however it ends.
local function go(run)
  local lock <close> = run.place.lock -- luacheck: ignore (held until the end)
  run.log:say(("run folder: %s"):format(run.place.dir))
  run.log:say(run.summary)
  memory.announce(run)
  system.hold(true)
  local ok, status = pcall(function()
    local status = loop(run)
    system.hold(false)
    if not status then
      ship_last(run)
      run.result = prepare.test(run)
    end
    return status
  end)
  system.hold(false)
  run.batches:close()
  if not ok then
    status = explained(run.cfg, status, run)
    run.report:close("stopped: " .. tostring(status))
    run.log:close()
    error(status, 0)
  end
  if status then
    run.report:close(("interrupted at step %d"):format(run.numbers.step))
    run.log:close()
    return nil, status
  end
  run.report:close("finished")
  run.log:close()
  return run
end

--- Trains by a resolved recipe. Returns the run, or nil and an exit status when it was interrupted.
---@param cfg table
---@param words? string[] that made it of a recipe; `resume` needs them no second time
function train.fit(cfg, words)
  recipe_check.recipe(cfg)
  return limited(cfg, function() return go(start(cfg, words)) end)
end

local function resolved(recipe, words)
  local ok, cfg = pcall(config.override, recipe, words)
  if not ok then fail.recipe("%s", cfg) end
  return cfg
end

--- What `semisam RECIPE.lua [key=value ...]` does.
---@param recipe table
---@param args string[]
function train.run(recipe, args)
  local words = {}
  for i, word in ipairs(args or {}) do
    words[i] = (word:gsub("^data=([^{])", "data.root=%1"))
  end
  local cfg = resolved(recipe, words)
  if recipe.run then return recipe.run(cfg) end
  if cfg.resume ~= "" then cfg = resolved(recipe, folder.words(cfg.resume, words)) end
  local _, status = train.fit(cfg, words)
  return status or 0
end

return train
