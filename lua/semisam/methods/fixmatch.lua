-- methods/fixmatch.lua — FixMatch (Sohn et al., NeurIPS 2020): what the student is sure of on the
-- weak view supervises it on the strong view. With `unimatch` (Yang et al., CVPR 2023) there are
-- two strong views, each mixed with another volume of the batch, and the weak view once more with
-- half of its feature channels dropped.
local ss = require "semisam"
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local views = require "semisam.methods.views"

local M = methods.define {
  options = {
    threshold = 0.95,  -- of the probability of the likeliest class
    from = "student",  -- who answers the weak view: student or ema
    unimatch = false,
    cutmix = 0.5,      -- probability of mixing
    volume = { 0.02, 0.4 }, -- of the pasted box
    drop = 0.5,        -- of feature channels
  },
}

-- Hard label and 0/1 where it is kept, from the weak view.
local function judge(self, run, u)
  local o = self.options
  return ss.no_grad(ss.scoped, function()
    local p
    if o.from == "ema" then
      p = views.soft(run, run.teacher, u.weak)
    else
      p = losses.probabilities(run.student(u.weak))
    end
    local label, confidence = losses.hard(p)
    return label, confidence:ge(o.threshold):to("f32")
  end)
end

-- The student's answer to the weak view when whole channels of its features are dropped.
local function perturbed(self, run, x, r)
  return ss.scoped(function()
    local features = run.student:encode(x)
    for i, f in ipairs(features) do
      features[i] = f:dropout { p = self.options.drop, key = r:key(i), channels = true }
    end
    return run.student:decode(features)
  end)
end

function M.terms(self, run, l, u, w)
  local o, r = self.options, views.rng(run, w.index, "fixmatch")
  local sup, weight = self:supervised(run, l), run.cfg.loss.sup
  local label, keep = judge(self, run, u)
  local note = { conf = keep:mean():item() }
  if not o.unimatch then
    return { sup = sup, con = losses.masked(run.student(u.strong), label, keep, weight) }, note
  end
  local function mixed(x, k)
    local mix = views.cutmix(x.shape, { p = o.cutmix, volume = o.volume }, r:fork(k))
    return losses.masked(run.student(mix(x)), mix(label), mix(keep), weight)
  end
  local con = mixed(u.strong, 1) * 0.25 + mixed(views.strong(run, u, "second view"), 2) * 0.25
    + losses.masked(perturbed(self, run, u.weak, r:fork(3)), label, keep, weight) * 0.5
  return { sup = sup, con = con }, note
end

function M.clash(self, cfg)
  local o = self.options
  if o.from ~= "student" and o.from ~= "ema" then
    return ("method.from should be student or ema, got %s"):format(tostring(o.from))
  end
  return o.unimatch and views.lacks(cfg, "decode", "a list of features to perturb") or nil
end

return M
