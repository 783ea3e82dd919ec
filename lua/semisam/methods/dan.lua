-- methods/dan.lua — Deep adversarial network (Zhang et al., MICCAI 2017): a critic learns to tell
-- the student's answers on labelled volumes from those on unlabelled ones; the student learns to
-- make the latter look like the former.
local ss = require "semisam"
local Critic = require "semisam.models.critic3d"
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local optim = require "semisam.optim"

local M = methods.define {
  options = { filters = 16, lr = 1e-4, betas = { 0.9, 0.99 } }, -- the critic and its Adam
}

-- Which of the critic's two answers means "of a labelled volume".
local LABELLED, UNLABELLED = 1, 0

function M.build(self, student, cfg)
  local o = self.options
  local c = student.config
  self.critic = Critic { classes = math.max(2, c.classes), filters = o.filters,
    in_channels = c.in_channels or c.modalities or 1 }
  self.adam = optim.adamw(self.critic, { lr = o.lr, betas = o.betas, weight_decay = 0,
    accumulate = cfg.batch.accumulate })
  return { parts = { critic = methods.part(self.critic), critic_optim = self.adam } }
end

local function judged(critic, p, x, verdict)
  local n = p.shape[1]
  return critic(p, x):cross_entropy(ss.full({ n }, verdict):to("i64"))
end

function M.terms(self, run, l, u)
  local logits = run.student(l.image)
  local sup = losses.supervised(logits, l.label, run.cfg.loss.sup)
  local p_l, p_u = losses.probabilities(logits), losses.probabilities(run.student(u.strong))
  self.critic:freeze():eval()
  local con = judged(self.critic, p_u, u.strong, LABELLED)
  self.critic:unfreeze():train()
  self.note = {}
  self.seen = { { p_l:detach(), l.image, LABELLED }, { p_u:detach(), u.strong, UNLABELLED } }
  return { sup = sup, con = con }, self.note
end

-- The critic's own step, on the answers that the student has just been trained on.
function M.after(self)
  if not self.seen then return end
  local a, b = self.seen[1], self.seen[2]
  self.seen = nil
  local loss = (judged(self.critic, a[1], a[2], a[3]) + judged(self.critic, b[1], b[2], b[3])) / 2
  self.note.critic = loss:item()
  self.adam:backward(loss)
  self.adam:step()
end

return M
