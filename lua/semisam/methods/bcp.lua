-- methods/bcp.lua — Bidirectional copy-paste (Bai et al., CVPR 2023): boxes of unlabelled volumes
-- are pasted into labelled ones and the other way round; each region is supervised by its own
-- label, the teacher's answer (largest component) standing in where there is none. In the warm-up
-- phase labelled volumes are pasted into each other. L_sup is what labels supervise, L_con the
-- rest: the paper's weight of pseudo-labels is lambda.max = 0.5.
local ss = require "semisam"
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local views = require "semisam.methods.views"

local M = methods.define { options = { part = 2 / 3 } } -- of each side that the box takes

-- The teacher's labels, of each volume and class the largest component.
local function answers(run, x)
  return ss.no_grad(ss.scoped, function()
    local label = losses.hard(views.soft(run, run.teacher, x))
    local f, out = math.max(1, run.cfg.data.classes - 1), nil
    local s = label.shape
    for k = 1, f do
      local one = label:eq(k):to("u8"):reshape { s[1], s[2], s[3], s[4] }
      local kept = ss.largest_component(one):to("f32"):reshape(s) * k
      out = out and out + kept or kept
    end
    return out
  end)
end

function M.supervised(self, run, l, index)
  local x, label = l.image, l.label
  local box = views.box(x.shape, self.options.part, views.rng(run, index, "bcp"))
  return losses.supervised(run.student(views.paste(x, x:roll(1, 1), box)),
    views.paste(label, label:roll(1, 1), box), run.cfg.loss.sup)
end

-- The losses of one mixed answer inside and outside of the box.
local function regions(run, logits, outer, inner, box)
  local s = logits.shape
  local keep = box:expand { s[1], s[2], s[3], s[4], 1 }
  local weight = run.cfg.loss.sup
  return losses.masked(logits, outer, 1 - keep, weight), losses.masked(logits, inner, keep, weight)
end

function M.terms(self, run, l, u, w)
  local label = answers(run, u.weak)
  local box = views.box(u.strong.shape, self.options.part, views.rng(run, w.index, "bcp"))
  local into_l = run.student(views.paste(l.image, u.strong, box))
  local l_sup, l_con = regions(run, into_l, l.label, label, box)
  local into_u = run.student(views.paste(u.strong, l.image, box))
  local u_con, u_sup = regions(run, into_u, label, l.label, box)
  return { sup = l_sup + u_sup, con = l_con + u_con }, {}
end

function M.clash(_, cfg)
  if cfg.batch.labelled ~= cfg.batch.unlabelled then
    return "bcp pastes volume by volume: batch.labelled and batch.unlabelled must be equal"
  end
end

return M
