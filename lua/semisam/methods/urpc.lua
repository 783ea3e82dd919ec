-- methods/urpc.lua — Uncertainty rectified pyramid consistency (Luo et al., MICCAI 2021): the
-- answers of every level of the decoder should agree with their mean, less where they differ most.
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local views = require "semisam.methods.views"

local M = methods.define {}

-- Mean of a list of tensors.
local function mean_of(list)
  local sum = list[1]
  for i = 2, #list do sum = sum + list[i] end
  return sum / #list
end

function M.supervised(_, run, l)
  local out, each = views.outputs(run, l.image), {}
  for i, logits in ipairs(out) do
    each[i] = losses.supervised(logits, l.label, run.cfg.loss.sup)
  end
  return mean_of(each)
end

function M.terms(self, run, l, u)
  local sup, p = self:supervised(run, l), {}
  local out = views.outputs(run, u.strong)
  for i, logits in ipairs(out) do p[i] = losses.probabilities(logits) end
  local mean, each = mean_of(p), {}
  for i, q in ipairs(p) do
    local kl = losses.kl(mean, q)
    local trust = (kl * -1):exp()
    local d = mean - q
    each[i] = (d * d * trust):mean() / (trust:mean() + 1e-8) + kl:mean()
  end
  return { sup = sup, con = mean_of(each) }, {}
end

function M.clash(_, cfg)
  if not cfg.student.deep then
    return views.lacks(cfg, "outputs", "deep outputs")
      or "urpc compares levels of the decoder: set student.deep = true"
  end
end

return M
