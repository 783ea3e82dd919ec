-- methods/cps.lua — Cross pseudo supervision (Chen et al., CVPR 2021): two networks that start from
-- different weights learn from each other's hard answers. The first one is averaged and shipped.
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local networks = require "semisam.train.networks"

local M = methods.define {}

function M.build(self, _, cfg)
  self.peer = networks.student(cfg.student, cfg.device) -- made later: it starts from other numbers
  return { trained = { self.peer }, parts = { peer = methods.part(self.peer) } }
end

function M.supervised(self, run, l)
  local weight = run.cfg.loss.sup
  return losses.supervised(run.student(l.image), l.label, weight)
    + losses.supervised(self.peer(l.image), l.label, weight)
end

function M.terms(self, run, l, u)
  local sup = self:supervised(run, l)
  local a, b = run.student(u.strong), self.peer(u.strong)
  local label_a = losses.hard(losses.probabilities(a:detach()))
  local label_b = losses.hard(losses.probabilities(b:detach()))
  local con = losses.cross_entropy(a, label_b) + losses.cross_entropy(b, label_a)
  return { sup = sup, con = con }, {}
end

return M
