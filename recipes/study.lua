-- A grid of recipes x seeds, and what it shows: one table of test Dice with paired differences.
-- Finished runs are kept, interrupted ones resumed, so the same command can be given again.
--
--   semisam recipes/study.lua                                    phantoms, 2 labels, 3 seeds
--   semisam recipes/study.lua out=runs/trus set={"data.root=DIR","data.n_labelled=3"}
local open = require("semisam.config").open -- takes any keys

return {
  name = "study", out = "runs/study",
  recipes = open { "supervised", "mean_teacher", "semi_sam_plus" },
  seeds = open { 0, 1, 2 },
  -- words given to every run; {seed} stands for the seed, {data_seed} for the seed plus 1
  set = open { "data.phantoms.seed={data_seed}", "data.seed={seed}" },
  jobs = 2, threads = 1, -- runs at a time, and threads of each
  run = function(cfg) return require("semisam.study").run(cfg) end,
}
