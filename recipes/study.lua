-- Recipes at several label counts over seeds, and what they show: tables of test Dice with paired
-- differences, a figure, and every case's Dice as CSV. Finished runs are kept and interrupted ones
-- resumed, so the same command can be given again; what is named first is run first.
--
--   semisam recipes/study.lua                         phantoms, 36 runs, 1.5 hours of one core
--   semisam recipes/study.lua labels={2} jobs=2       2 labels alone, two runs at a time
--   semisam recipes/study.lua jobs=0                  only the tables of what is there
--   semisam recipes/study.lua out=runs/mine 'labels={1,3}' 'set={"data.root=DIR"}'
--
-- An arm is the name of a recipe, or { "recipe", name = "what", set = { "key=value", .. } }.
local open = require("semisam.config").open -- takes any keys

return {
  name = "study", out = "runs/study",
  recipes = open { "supervised", "mean_teacher", "semi_sam_plus" }, -- the last against the others
  labels = open { 2, 8, 4, 1 }, -- labelled cases (data.n_labelled); 0: as the data says
  seeds = open { 0, 1, 2 },
  ablations = open {}, -- arms that are compared with the last of `recipes`
  ablate_at = open { 2 }, -- labelled cases of the ablations
  -- words given to every run; {seed}, {data_seed} (the seed plus 1) and {labels} stand for numbers
  set = open { "data.phantoms.seed={data_seed}", "data.seed={seed}", "watch.pseudo=8",
    "watch.last=true" },
  jobs = 1, threads = 1, -- runs at a time, and threads of each
  run = function(cfg) return require("semisam.study").run(cfg) end,
}
