-- methods/ict.lua — Interpolation consistency (Verma et al., IJCAI 2019): the student's answer to a
-- mix of two unlabelled volumes should be the mix of the teacher's answers.
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local ss = require "semisam"
local views = require "semisam.methods.views"

local M = methods.define { options = { alpha = 0.2 } } -- of the Beta distribution of the share

function M.terms(self, run, l, u, w)
  local sup = self:supervised(run, l)
  local r, alpha = views.rng(run, w.index, "ict"), self.options.alpha
  local share = ss.beta({ 1 }, r:key(1), alpha, alpha):item()
  local function mix(x) return x * share + x:roll(1, 1) * (1 - share) end
  local target = ss.no_grad(function() return mix(views.soft(run, run.teacher, u.weak)) end)
  local d = losses.probabilities(run.student(mix(u.weak))) - target
  return { sup = sup, con = (d * d):mean() }, {}
end

function M.clash(_, cfg)
  if cfg.batch.unlabelled < 2 then
    return "ict mixes volumes: batch.unlabelled must be at least 2"
  end
end

return M
