-- methods/entropy.lua — Entropy minimisation (Grandvalet and Bengio, NIPS 2004): answers to
-- unlabelled volumes should be decided, whichever way.
local losses = require "semisam.losses"
local methods = require "semisam.methods"

local M = methods.define {}

function M.terms(self, run, l, u)
  local sup = self:supervised(run, l)
  local p = losses.probabilities(run.student(u.strong))
  return { sup = sup, con = losses.entropy(p):mean() / math.log(p.shape[5]) }, {}
end

return M
