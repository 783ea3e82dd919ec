-- ask.lua — how a generalist is asked: the kinds of prompts of Algorithm 2's queue.
--
--   mask    the coarse mask            points  clicks inside it (and outside)
--   box     its bounding box           mix     mask and points in one decode
--   clicks  one click after the other, each on the largest error of the answer before (SemiSAM)
local prompts = require "semisam.prompts"

local ask = {}

local CENTRED = 2 -- the first clicks of a sequence are put into the core of the error

local function volume(x) return x:reshape { x.shape[2], x.shape[3], x.shape[4] } end

-- Everything a class is prompted with, in the augmented frame.
---@param mask semisam.tensor [1, d, h, w, 1] of 0/1
---@param p semisam.tensor probabilities, same shape
---@param opts table words of the recipe's `pseudo`
---@param rng semisam.rng
function ask.see(mask, p, opts, rng)
  local m = volume(mask)
  local s = { volume = m, rng = rng, hard = opts.vote == "hard", clicks = opts.clicks }
  if opts.mask_prompt == "logits" then
    s.mask = prompts.logits(p, opts.mask_logit)
  else
    s.mask = prompts.mask_logits(mask, opts.mask_logit)
  end
  s.points, s.labels = prompts.points(m, rng, opts, volume(p))
  s.box = function()
    return prompts.box(m, rng:fork("box"), { jitter = opts.box_jitter })
  end
  return s
end

local kinds = {}

function kinds.mask(teacher, code, s) return teacher:decode(code, { mask = s.mask }) end

function kinds.points(teacher, code, s)
  return teacher:decode(code, { points = s.points, labels = s.labels })
end

function kinds.mix(teacher, code, s)
  return teacher:decode(code, { mask = s.mask, points = s.points, labels = s.labels })
end

function kinds.box(teacher, code, s) return teacher:decode(code, { box = s.box() }) end

function kinds.clicks(teacher, code, s)
  local logits
  for i = 1, s.clicks or 10 do
    local answer = logits and volume(logits):gt(0):to("f32")
    local at, label = prompts.click(s.volume, answer, s.rng:fork("click " .. i), i <= CENTRED)
    if not at then break end
    logits = teacher:decode(code, { points = at, labels = label, mask = logits })
  end
  return logits
end

ask.kinds = kinds

--- The probabilities that a generalist answers to a prompt of a kind.
---@param teacher table generalist
---@param code any what its encode() gave
---@param seen table from ask.see
---@param kind string
---@return semisam.tensor [1, d, h, w, 1]
function ask.probability(teacher, code, seen, kind)
  local p = kinds[kind](teacher, code, seen):sigmoid()
  return seen.hard and p:gt(0.5):to("f32") or p
end

local WORDS = {
  points_by = { "core", "confidence", "outside" }, mask_prompt = { "mask", "logits" },
  empty = { "skip", "centre" }, vote = { "soft", "hard" },
  target = { "mean", "hard" },
}

local function one_of(key, value, words)
  for _, word in ipairs(words) do
    if word == value then return end
  end
  error(("pseudo.%s should be one of %s, got %s"):format(key, table.concat(words, ", "),
    tostring(value)), 0)
end

--- Refuses words of a recipe's `pseudo` that mean nothing.
---@param opts table
function ask.check(opts)
  local known = {}
  for name in pairs(kinds) do known[#known + 1] = name end
  table.sort(known)
  for _, kind in ipairs(opts.queue) do one_of("queue", kind, known) end
  if #opts.queue == 0 then error("pseudo.queue names no kind of prompt", 0) end
  for key, words in pairs(WORDS) do one_of(key, opts[key], words) end
  if opts.jitter ~= true and opts.jitter ~= false and opts.jitter ~= "beta" then
    error(("pseudo.jitter should be false, true or beta, got %s"):format(tostring(opts.jitter)), 0)
  end
end

return ask
