-- advance.lua — one optimiser step of a run: its micro-batches, the averages, the line in the log.
local ss = require "semisam"
local guard = require "semisam.train.guard"
local nn = require "semisam.nn"
local phase = require "semisam.train.phase"
local pseudo = require "semisam.pseudo"
local rng = require "semisam.rng"
local step = require "semisam.train.step"

local TRUST_WINDOW = 50 -- volumes over which rule R4 averages

-- Rule R4 on the trust around the object, averaged over recent volumes.
local function jitter(run, note)
  if run.cfg.pseudo.jitter ~= true or type(run.u_th) ~= "number" then return end
  if not note.conf_roi or not note.object then return end
  local n = run.numbers
  n.trust[#n.trust + 1] = note.conf_roi
  if #n.trust * run.cfg.batch.unlabelled < TRUST_WINDOW then return end
  local sum = 0
  for _, c in ipairs(n.trust) do sum = sum + c end
  run.u_th = pseudo.jitter_rule(run.u_th, sum / #n.trust, run.cfg.pseudo.u_th)
  n.u_th, n.trust = run.u_th, {}
end

-- The loss of a micro-batch, and what to log; or what in it is not finite.
local function loss_of(run, row, index)
  local accumulate = run.cfg.batch.accumulate
  local terms, note = step.terms(run, index, row.lambda, row.beta)
  local bad = guard.terms(terms, row, accumulate)
  if bad then return nil, note, bad end
  local total = step.total(terms, row.lambda, row.beta)
  row.loss = row.loss + total:item() / accumulate
  return total, note
end

-- The micro-batches of one optimiser step. Returns whether it was taken, or what is not finite and
-- in which micro-batch.
local function attempt(run, row, at)
  local accumulate, stages, optim = run.cfg.batch.accumulate, run.stages, run.optim
  local first = run.numbers.step * accumulate
  local stepped, bad, notes = false, nil, {}
  for index = first, first + accumulate - 1 do
    at.index = index
    ss.scoped(function()
      local total, note
      total, note, bad = stages:run("loss", loss_of, run, row, index)
      if bad then return end
      stages:run("backward", optim.backward, optim, total)
      local info
      stepped, info = stages:run("optimiser", optim.step, optim)
      row.grad_norm = info.norm
      if info.skipped then bad = { gradient = info.norm } end
      if not bad then stages:run("optimiser", run.method.after, run.method, run, stepped) end
      notes[#notes + 1] = note
    end)
    if bad and not bad.gradient then optim:skip() end
    if bad then return false, bad end
  end
  for _, note in ipairs(notes) do
    for key, value in pairs(note) do row[key] = value end
    jitter(run, note)
  end
  return stepped
end

-- A step that is not finite: with a loss scale the next one tries a smaller scale, otherwise and
-- after too many the run stops.
local function refuse(run, at, bad)
  local n = run.numbers
  n.skips = (n.skips or 0) + 1
  if not run.optim.scale or n.skips >= guard.MOST_SKIPS then guard.stop(run, at, bad) end
end

-- Both averages follow the student.
local function follow(run)
  run.teacher:update()
  run.shadow:update()
end

--- One optimiser step, then both averages follow; the row of log.csv. With f16 a step may be left
--- out; otherwise one that is not finite raises a failure and has changed nothing.
---@param run table
return function(run)
  local cfg, n = run.cfg, run.numbers
  local p, waited = run.plan[n.phase], run.batches:waited()
  run.stages:start()
  local i = n.step - n.phase_start
  local spe = run.plan.steps_per_epoch
  local lambda, beta = phase.weights(cfg, p, i / spe, n.semi_steps / spe)
  if n.harmful then beta = 0.0 end
  local row = {
    step = n.step + 1, phase = p.name, epoch = i / spe, lr = phase.lr(p, i, spe), lambda = lambda,
    beta = beta, loss = 0, scale = run.optim.scale,
  }
  run.optim:set_lr(row.lr)
  run.student:train()
  local at = { key = rng { seed = cfg.seed, epoch = n.step, purpose = "dropout" }:key(),
    lambda = lambda, beta = beta }
  nn.set_key(at.key)
  local buffers = guard.buffers(run)
  local stepped, bad = attempt(run, row, at)
  if stepped then
    n.skips = 0
    run.stages:run("ema", follow, run)
  else
    guard.restore(run, buffers)
    refuse(run, at, bad)
  end
  n.step = n.step + 1
  if p.name == "semi" then n.semi_steps = n.semi_steps + 1 end
  row.u_th = type(run.u_th) == "number" and run.u_th or nil
  row.skipped = run.optim.scale and run.optim.skipped or nil
  row.seconds = 0.0
  for name, seconds in pairs(run.stages:stop()) do
    row[name .. "_seconds"] = seconds
    row.seconds = row.seconds + seconds
  end
  row.wait_seconds = run.batches:waited() - waited
  row.megabytes = ss.memory(cfg.device).peak / 1e6
  run.log:step(row)
  run.report:step(row)
end
