-- oracle.lua — the generalists of a recipe alone, on its test cases, prompted from the truth: what
-- they would reach with a perfect user. An upper line for pseudo-labels, never a method.
local ss = require "semisam"
local augment = require "semisam.data.augment"
local check = require "semisam.train.check"
local evaluation = require "semisam.evaluation"
local fail = require "semisam.fail"
local folder = require "semisam.train.folder"
local infer = require "semisam.infer"
local prepare = require "semisam.train.prepare"
local preprocess = require "semisam.data.preprocess"
local pseudo = require "semisam.pseudo"
local rng = require "semisam.rng"

local oracle = {}

-- The true masks [1, d, h, w, f] of a label, one channel per class.
local function masks_of(label, classes)
  local parts = {}
  for k = 1, math.max(1, classes - 1) do
    parts[k] = (classes == 1 and label:gt(0) or label:eq(k)):to("f32")
  end
  return #parts == 1 and parts[1] or ss.cat(parts, -1)
end

-- Writes the generalists' answer for a case on the grid of its image.
local function answer(run, case, path)
  local cfg = run.cfg
  local seen = preprocess.case({ id = case.id, image = case.image, channels = case.channels },
    prepare.settings(cfg.data))
  local s = seen.image.shape
  local o = { augment = augment }
  for key, value in pairs(cfg.pseudo) do o[key] = value end
  local x = seen.image:reshape { 1, s[1], s[2], s[3], s[4] }:to(cfg.device)
  local truth = masks_of(run.store:label(case), cfg.data.classes)
  local r = rng { seed = cfg.seed, epoch = 0, case = case.id, purpose = "oracle" }
  local p = ss.on(cfg.device, pseudo.label, x, truth, run.generalists, o, r).mu:to("cpu")
  local mask = infer.labels(preprocess.backward(p:reshape { s[1], s[2], s[3], p.shape[5] },
    seen.grid))
  s = mask.shape
  ss.nifti_write(path, mask:reshape { s[1], s[2], s[3] }, { like = seen.source })
end

--- Answers for every test case below cfg.out/test, evaluated as those of a trained run.
---@param cfg table recipes/generalist_alone.lua
---@return integer exit status
function oracle.run(cfg)
  check.recipe(cfg)
  local run = { cfg = cfg, summary = "" }
  prepare.data(run)
  if #run.set.test == 0 then fail.data("%s: no test case", run.set.root) end
  run.generalists = prepare.generalists(run)
  local place = folder.new(cfg)
  local lock <close> = place.lock -- luacheck: ignore (held until the end)
  local dir, list = place.dir .. "/test", {}
  ss.fs.mkdir(dir)
  for i, case in ipairs(run.set.test) do
    local path = ("%s/%s.nii.gz"):format(dir, case.id)
    ss.no_grad(ss.scoped, answer, run, case, path)
    list[i] = { case = case.id, prediction = path, reference = case.label }
  end
  local summary = evaluation.run(list, { classes = cfg.data.classes,
    label_channel = cfg.data.label_channel, spacing = cfg.data.true_spacing })
  evaluation.save(summary, dir)
  if not cfg.quiet then
    print(("%s\ntest: Dice %.4f over %d cases (%s)"):format(run.summary, summary.mean.Dice, #list,
      dir .. "/summary.json"))
  end
  return 0
end

return oracle
