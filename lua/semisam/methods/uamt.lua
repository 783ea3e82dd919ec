-- methods/uamt.lua — Uncertainty-aware Mean Teacher (Yu et al., MICCAI 2019): the teacher answers
-- several noisy copies with dropout on; only where the entropy of their mean is low is the student
-- held to the teacher. Give the student dropout, or the copies differ by their noise alone.
local ss = require "semisam"
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local schedules = require "semisam.schedules"
local views = require "semisam.methods.views"

local M = methods.define {
  options = {
    passes = 8,   -- noisy answers of the teacher
    noise = 0.1,  -- deviation of the noise, clipped at two deviations
    ramp = 60,    -- epochs over which the entropy threshold rises from 0.52 to ln 2
  },
}

-- The mean answer of noisy copies.
local function mean_answer(self, run, x, r)
  local o, net = self.options, run.teacher.net
  local sum
  views.dropout(net, true)
  for k = 1, o.passes do
    local p = ss.scoped(function()
      return losses.probabilities(net(views.noisy(x, o.noise, r:key("pass " .. k))))
    end)
    sum = sum and sum + p or p
  end
  views.dropout(net, false)
  return sum / o.passes
end

function M.terms(self, run, l, u, w)
  local o, r = self.options, views.rng(run, w.index, "uamt")
  local sup = self:supervised(run, l)
  local p_s = losses.probabilities(run.student(run.cfg.loss.view == "noise" and u.weak or u.strong))
  local p_t, sure = ss.no_grad(ss.scoped, function()
    local p = views.soft(run, run.teacher, views.noisy(u.weak, o.noise, r:key "teacher"))
    local limit = schedules.entropy_threshold(w.epoch, o.ramp)
    return p, losses.entropy(mean_answer(self, run, u.weak, r)):lt(limit):to("f32")
  end)
  local d = p_s - p_t
  local classes = p_s.shape[5]
  local con = (sure * d * d):sum() / (sure:sum() * classes + 1e-16)
  return { sup = sup, con = con }, { conf = sure:mean():item() }
end

return M
