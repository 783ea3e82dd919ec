-- schedules.lua — learning-rate curves and loss-weight ramps: plain functions of time.
--
-- t and T are in the caller's unit (epochs, steps); fractions are welcome.
local schedules = {}

local exp = math.exp

local function clamp01(p)
  return p < 0 and 0 or p > 1 and 1 or p
end

---Epochs done after `step` optimiser steps; micro-batches of one step do not count.
---@param step integer
---@param steps_per_epoch integer
---@return number
function schedules.epoch(step, steps_per_epoch)
  return step / steps_per_epoch
end

---The logistic function of t / T: 0.5 at t = 0, 0.73 at T (the literal lambda(t) of Semi-SAM+).
---@param t number
---@param T number
---@return number
function schedules.sigmoid(t, T)
  return 1 / (1 + exp(-t / T))
end

---exp(-5 (1 - t/T)^2), rising from 0.0067 to 1 at T and 1 from there on (Laine and Aila 2017;
---UA-MT). Negative t counts as 0; T = 0 gives 1.
---@param t number
---@param T number
---@return number
function schedules.gaussian(t, T)
  if T == 0 then return 1 end
  local left = 1 - clamp01(t / T)
  return exp(-5 * left * left)
end

---The Gaussian ramp run backwards: 1 at t = 0, 0.0067 at T_max (SemiSAM's generalist term).
---@param t number
---@param T_max number length of the run
---@param T number? length of the ramp, `T_max` when left out
---@return number
function schedules.gaussian_down(t, T_max, T)
  return schedules.gaussian(T_max - t, T or T_max)
end

---1 at any time.
---@return number
function schedules.constant() return 1 end

---Straight line from 0 to 1 at T. T = 0 gives 1.
---@param t number
---@param T number
---@return number
function schedules.linear(t, T)
  if T == 0 then return 1 end
  return clamp01(t / T)
end

---Half a cosine from 1 at t = 0 to 0 at T.
---@param t number
---@param T number
---@return number
function schedules.cosine_down(t, T)
  return 0.5 * (1 + math.cos(math.pi * schedules.linear(t, T)))
end

---exp(-t / T): the literal beta(t) of Semi-SAM+.
---@param t number
---@param T number
---@return number
function schedules.exp_decay(t, T)
  return exp(-t / T)
end

---1 / (1 + exp(-10 (t/T - 1/2))): a sigmoid that really starts near 0 (0.0067) and ends near 1.
---@param t number
---@param T number
---@return number
function schedules.logistic(t, T)
  return 1 / (1 + exp(-10 * (t / T - 0.5)))
end

---(1 - i/i_max)^power, 0 from i_max on.
---@param i number
---@param i_max number
---@param power number? 0.9
---@return number
function schedules.poly(i, i_max, power)
  return (1 - schedules.linear(i, i_max)) ^ (power or 0.9)
end

---1 after a linear warm-up over the first T steps; the step at i = 0 already moves (1/(T+1)).
---@param i number
---@param T number length of the warm-up; 0 for none
---@return number
function schedules.warm_up(i, T)
  if T <= 0 then return 1 end
  return clamp01((i + 1) / (T + 1))
end

---factor^k after the k-th milestone passed.
---@param i number
---@param milestones number[] ascending
---@param factor number? 0.1
---@return number
function schedules.steps(i, milestones, factor)
  local value = 1
  for _, at in ipairs(milestones) do
    if i >= at then value = value * (factor or 0.1) end
  end
  return value
end

---Entropy threshold of UA-MT: (3/4 + 1/4 gaussian(t, T)) ln 2.
---@param t number
---@param T number
---@return number
function schedules.entropy_threshold(t, T)
  return (0.75 + 0.25 * schedules.gaussian(t, T)) * math.log(2)
end

return schedules
