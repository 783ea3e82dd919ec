-- The study with the choices of Semi-SAM+ changed one by one at 2 labels. It shares the runs of
-- recipes/study.lua where those are there:
--
--   semisam recipes/ablation.lua                                 phantoms
--   semisam recipes/ablation.lua seeds={0} ablate_at={8}
local ss = require "semisam"
local open = ss.config.open -- takes any keys

-- Bad labels shall do their harm: nothing looks whether they help.
local function changed(name, ...)
  return { "semi_sam_plus", name = name, set = { "pseudo.sanity=none", ... } }
end

return ss.extend(require "recipes.study", {
  name = "ablation", labels = { 2 },
  ablations = open {
    changed("beta 0.3", "beta.max=0.3"),
    changed("balanced, beta 0.3", "loss.balance=fg", "beta.max=0.3"),
    changed("hardly learned from", "beta.max=1e-6"), -- what the labels are worth by themselves
    changed("no filter", "pseudo.u_th=0.25"),
    changed("one augmentation", "pseudo.n=1"),
    changed("points alone", "pseudo.queue={points}", "pseudo.n=4"),
    changed("points outside", "pseudo.queue={points}", "pseudo.n=4", "pseudo.points_by=outside"),
    changed("shuffled labels", "pseudo.shuffled=true"),
    changed("beta 0", "beta.max=0"),
    { "supervised", name = "all labels", set = { "data.n_labelled=42" } },
    { "generalist_alone", name = "generalist, true point" },
  },
})
