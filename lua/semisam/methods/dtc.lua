-- methods/dtc.lua — Dual-task consistency (Luo et al., AAAI 2021): a second head regresses the
-- signed distance to the border; turned into a mask by a steep sigmoid it should be the first
-- head's answer.
local ss = require "semisam"
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local views = require "semisam.methods.views"

local M = methods.define {
  options = {
    steep = 1500, -- of the sigmoid; needs f32
    weight = 0.3, -- of the distance regression on labelled volumes
  },
}

local function regression(self, run, logits, distance, label)
  local truth = ss.no_grad(ss.scoped, losses.signed_distance, (losses.targets(label, logits)))
  local d = distance - truth
  return losses.supervised(logits, label, run.cfg.loss.sup) + (d * d):mean() * self.options.weight
end

function M.supervised(self, run, l)
  local out, distance = views.outputs(run, l.image)
  return regression(self, run, out[1], distance, l.label)
end

--- Inside where the distance is negative.
function M.mask_of(distance, steep) return (distance * -steep):sigmoid() end

function M.terms(self, run, l, u)
  local steep = self.options.steep
  local out, distance = views.outputs(run, l.image)
  local sup = regression(self, run, out[1], distance, l.label)
  local out_u, distance_u = views.outputs(run, u.strong)
  local a = M.mask_of(distance, steep) - losses.foreground(out[1])
  local b = M.mask_of(distance_u, steep) - losses.foreground(out_u[1])
  local con = ((a * a):sum() + (b * b):sum()) / (a.count + b.count)
  return { sup = sup, con = con }, {}
end

function M.clash(_, cfg)
  if not cfg.student.sdf then
    return views.lacks(cfg, "outputs", "a distance head")
      or "dtc needs the distance head: set student.sdf = true"
  end
end

return M
