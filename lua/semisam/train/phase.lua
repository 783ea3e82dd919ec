-- phase.lua — the three phases of a run: warm-up on labels, semi-supervised, fine-tune (manual
-- 6.3).
--
-- Time t is in epochs since the phase began, fractional, one step = 1 / steps_per_epoch. Steps are
-- optimiser steps: gradient accumulation does not change them.
local schedules = require "semisam.schedules"

local phase = {}

phase.ORDER = { "warmup", "semi", "finetune" }

-- lr(i, n): factor of the phase's rate at its step i of n.
local curves = {
  warmup = function(i, _, steps_per_epoch) return schedules.warm_up(i, steps_per_epoch) end,
  semi = function(i, n) return schedules.poly(i, n, 0.9) end,
  finetune = function(i, n) return schedules.poly(i, n, 0.9) end,
}

--- The phases of a recipe that have at least one step.
---@param cfg table resolved recipe
---@param steps_per_epoch integer
---@return table[] { name, epochs, steps, lr, patience }
function phase.plan(cfg, steps_per_epoch)
  local plan = { steps_per_epoch = steps_per_epoch, steps = 0 }
  for _, name in ipairs(phase.ORDER) do
    local p = cfg.phases[name]
    local steps = math.floor(p.epochs * steps_per_epoch + 0.5)
    if steps > 0 then
      plan[#plan + 1] = {
        name = name, epochs = p.epochs, steps = steps, lr = p.lr, patience = p.patience or 0,
        trained = name ~= "warmup",
      }
      plan.steps = plan.steps + steps
    end
  end
  if #plan == 0 then error("train: every phase has 0 epochs; nothing to do", 0) end
  return plan
end

--- The learning rate at step i (from 0) of a phase.
function phase.lr(p, i, steps_per_epoch)
  return p.lr * curves[p.name](i, p.steps, steps_per_epoch)
end

local function ramp(weight, t)
  if weight.max == 0 then return 0 end
  local f = weight.ramp
  if type(f) == "string" then
    f = schedules[f] or error(("train: no ramp is called \"%s\""):format(weight.ramp), 0)
  end
  return weight.max * f(t, weight.epochs)
end

--- lambda(t) and beta(t). Warm-up has neither; the fine-tune holds the values semi ended with.
---@param cfg table
---@param p table phase
---@param t number epochs since the phase began
---@param semi_end number epochs that semi took
function phase.weights(cfg, p, t, semi_end)
  if p.name == "warmup" then return 0, 0 end
  if p.name == "finetune" then t = semi_end end
  return ramp(cfg.lambda, t), ramp(cfg.beta, t)
end

return phase
