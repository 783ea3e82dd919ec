-- methods/ad_mt.lua — Alternate diverse teaching (Zhao et al., ECCV 2024): two averages of the
-- student follow it by turns, for periods of random length and on different augmentation (strong
-- intensities in one, CutMix in the other), so that they differ; what they say together, the surer
-- one counting more, is the pseudo-label where it is sure enough. Where the student contradicts
-- them, the surer of the two sides decides.
local ss = require "semisam"
local ema = require "semisam.ema"
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local rng = require "semisam.rng"
local views = require "semisam.methods.views"

local M = methods.define {
  options = {
    threshold = 0.8,   -- of the ensemble's probability
    period = 20,       -- longest turn of a teacher, in steps
    temperature = 0.5, -- sharpens the ensemble
    conflict = "surer", -- where the student contradicts it: the "surer", or the "ensemble" always
    cutmix = 1, volume = { 0.02, 0.4 }, -- probability, and volume of the pasted box
  },
}

function M.build(self, student, cfg)
  local average = { alpha = cfg.ema.alpha, warm = cfg.ema.warm, buffers = cfg.ema.buffers }
  self.teachers = { ema.new(student, average), ema.new(student, average) }
  return { parts = { teacher_1 = self.teachers[1], teacher_2 = self.teachers[2] } }
end

--- Whose turn a step is, 1 or 2: periods of random length, drawn from the seed alone.
---@param seed integer|string
---@param step integer from 0
---@param longest integer
function M.turn(seed, step, longest)
  local r = rng { seed = seed, purpose = "teachers by turns" }
  local turn, last = 2, -1
  while last < step do
    turn, last = 3 - turn, last + r:integer(1, longest)
  end
  return turn
end

--- Where the student contradicts the ensemble, the surer of both: label and confidence.
---@param label semisam.tensor of the ensemble [n, ..., 1]
---@param confidence semisam.tensor
---@param s_label semisam.tensor of the student
---@param s_confidence semisam.tensor
function M.settle(label, confidence, s_label, s_confidence)
  local student = s_label:ne(label):to("f32") * s_confidence:gt(confidence):to("f32")
  return label + (s_label - label) * student, confidence + (s_confidence - confidence) * student
end

-- Hard label and 0/1 where it is kept: the teachers' mean, each weighed by exp(-entropy), settled
-- with the student.
local function judge(self, run, x)
  local o = self.options
  return ss.no_grad(ss.scoped, function()
    local a, b = views.soft(run, self.teachers[1], x), views.soft(run, self.teachers[2], x)
    local w_a, w_b = (losses.entropy(a) * -1):exp(), (losses.entropy(b) * -1):exp()
    local both = losses.sharpen((a * w_a + b * w_b) / (w_a + w_b), o.temperature)
    local label, confidence = losses.hard(both)
    if o.conflict == "surer" then
      local own = losses.sharpen(losses.probabilities(run.student(x)), o.temperature)
      label, confidence = M.settle(label, confidence, losses.hard(own))
    end
    return label, confidence:ge(o.threshold):to("f32")
  end)
end

function M.terms(self, run, l, u, w)
  local o, r = self.options, views.rng(run, w.index, "ad_mt")
  local sup = self:supervised(run, l)
  local label, keep = judge(self, run, u.weak)
  local note, x = { conf = keep:mean():item() }, u.strong
  if M.turn(run.cfg.seed, run.numbers.step, o.period) == 2 then
    local mix = views.cutmix(u.weak.shape, { p = o.cutmix, volume = o.volume }, r)
    x, label, keep = mix(u.weak), mix(label), mix(keep)
  end
  return { sup = sup, con = losses.masked(run.student(x), label, keep, run.cfg.loss.sup) }, note
end

function M.clash(self)
  local how = self.options.conflict
  if how ~= "surer" and how ~= "ensemble" then
    return ("method.conflict should be surer or ensemble, got %s"):format(tostring(how))
  end
end

function M.after(self, run, stepped)
  if not stepped then return end
  self.teachers[M.turn(run.cfg.seed, run.numbers.step, self.options.period)]:update()
end

return M
