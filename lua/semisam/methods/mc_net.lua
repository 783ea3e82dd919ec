-- methods/mc_net.lua — Mutual consistency (Wu et al., MICCAI 2021; MC-Net+, MedIA 2022): decoders
-- that double the grid in different ways share an encoder; each should give the sharpened answer of
-- every other.
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local views = require "semisam.methods.views"

local M = methods.define { options = { temperature = 0.1 } }

-- L_sup of each decoder, added up.
local function taught(run, out, label)
  local sum
  for _, logits in ipairs(out) do
    local sup = losses.supervised(logits, label, run.cfg.loss.sup)
    sum = sum and sum + sup or sup
  end
  return sum
end

function M.supervised(_, run, l) return taught(run, views.outputs(run, l.image), l.label) end

-- Sum over ordered pairs of decoders of the squared distance, and the number of its elements.
local function disagreement(out, temperature)
  local p, sharp, sum = {}, {}, nil
  for i, logits in ipairs(out) do
    p[i] = losses.probabilities(logits)
    sharp[i] = losses.sharpen(p[i]:detach(), temperature)
  end
  for i = 1, #p do
    for j = 1, #p do
      if i ~= j then
        local d = p[i] - sharp[j]
        sum = sum and sum + (d * d):sum() or (d * d):sum()
      end
    end
  end
  return sum, p[1].count
end

function M.terms(self, run, l, u)
  local t = self.options.temperature
  local out, out_u = views.outputs(run, l.image), views.outputs(run, u.strong)
  local a, n = disagreement(out, t)
  local b, m = disagreement(out_u, t)
  return { sup = taught(run, out, l.label), con = (a + b) / (n + m) }, {}
end

function M.clash(_, cfg)
  if #(cfg.student.decoders or {}) < 2 then
    return views.lacks(cfg, "outputs", "several decoders")
      or "mc_net compares decoders: set student.decoders = {transposed, linear}"
  end
end

return M
