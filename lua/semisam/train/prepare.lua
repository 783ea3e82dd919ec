-- prepare.lua — what a run needs before its first step and leaves after its last: data,
-- generalists, shipped weights, pictures, the evaluation on the test cases.
local ss = require "semisam"
local automatic = require "semisam.train.automatic"
local caches = require "semisam.data.cache"
local dataset = require "semisam.data.dataset"
local fail = require "semisam.fail"
local infer = require "semisam.infer"
local models = require "semisam.models"
local networks = require "semisam.train.networks"
local phantoms = require "semisam.data.phantoms"
local preprocess = require "semisam.data.preprocess"
local stores = require "semisam.data.store"

local prepare = {}

-- The settings of `data` that preprocessing knows.
local function settings(data)
  local out = {}
  for key, default in pairs(preprocess.DEFAULTS) do
    out[key] = data[key]
    if not out[key] then out[key] = default end -- false where a recipe has no word for it
  end
  return out
end

-- Whether some step of the recipe looks at unlabelled cases.
local function learns_unlabelled(cfg)
  return (cfg.lambda.max > 0 or cfg.beta.max > 0) and cfg.batch.unlabelled > 0
    and (cfg.phases.semi.epochs > 0 or cfg.phases.finetune.epochs > 0)
end

--- Opens the data folder (or makes the phantoms), reads the roles and sets up the store.
function prepare.data(run)
  local cfg, lines = run.cfg, {}
  local d = cfg.data
  local root = d.root
  local n_labelled = d.n_labelled
  if root == "" then
    root = phantoms.folder(d.phantoms, caches.root(d.cache))
    n_labelled = n_labelled or d.phantoms.labelled
  end
  local function log(text) lines[#lines + 1] = text end
  run.set = dataset.open(root, {
    split = d.split, fold = d.fold, n_labelled = n_labelled, n_unlabelled = d.n_unlabelled,
    n_val = d.n_val, n_test = d.n_test, pick = d.pick, seed = d.seed, log = log,
  })
  if #run.set.labelled == 0 then fail.data("%s: no labelled case to train on", root) end
  if n_labelled and n_labelled > #run.set.labelled then
    fail.data("%s: %d labelled cases are asked for, %d are left for training", root, n_labelled,
      #run.set.labelled)
  end
  if #run.set.unlabelled == 0 and learns_unlabelled(cfg) then
    fail.data("%s: every case has a label, and recipe %s learns from cases without one too. Add "
      .. "images that have no label file, hide labels with data.n_labelled=N, or train on the "
      .. "labels alone with recipes/supervised.lua", root, cfg.name)
  end
  automatic.settle(cfg, run.set, log)
  table.insert(lines, 1, dataset.summary(run.set))
  run.summary = table.concat(lines, "\n")
  run.store = stores.new(settings(d), caches.open(d.cache), cfg.device)
end

--- The frozen generalists of a run. One without weights is pre-trained on phantoms of other shapes
--- first; the result is kept by its settings.
function prepare.generalists(run)
  local out = {}
  local function pretrained() return prepare.pretrained(run.cfg) end
  for i, spec in ipairs(run.cfg.generalists) do
    local line
    out[i], line = networks.generalist(spec, i, run.cfg, pretrained)
    run.summary = ("%s\n%s"):format(run.summary, line)
  end
  if #out == 0 then
    fail.recipe("beta.max is %g but the recipe names no generalist",
      run.cfg.beta.max)
  end
  local maps = run.cfg.pseudo.n * #run.cfg.pseudo.queue * #out
  if maps < 3 then
    run.summary = ("%s\npseudo-labels come from %d %s: with fewer than 3 the variance says little"):
      format(run.summary, maps, maps == 1 and "map" or "maps")
  end
  return out
end

--- Path of the weights that the recipe's `pretrain` makes; it runs where they are missing.
function prepare.pretrained(cfg)
  local pretrain = require "semisam.pretrain"
  local recipe = require("recipes." .. cfg.pretrain)
  return ss.on("cpu", pretrain.cached, recipe, caches.root(cfg.data.cache), cfg.quiet)
end

--- Writes best.safetensors: all tensors of the shipped network and what predict needs to know.
---@param run table
---@param dice number? its validation Dice
function prepare.ship(run, dice)
  local all = {}
  for name, t in pairs(run.shadow.net:state()) do
    if type(name) == "string" then all[name] = t end
  end
  local facts = {
    format = 1, student = models.facts(networks.options(run.cfg.student)),
    data = settings(run.cfg.data),
    infer = infer.options(run.cfg),
    classes = run.set.classes, step = run.numbers.step, dice = dice,
  }
  ss.safetensors_write(run.place.dir .. "/best.safetensors", all,
    { semisam = ss.json.encode(facts) })
end

-- Predicts the test cases on their own grids with the averaged network as it is, into DIR/folder,
-- and evaluates them.
local function test_into(run, folder)
  local evaluation = require "semisam.evaluation"
  local deploy = require "semisam.deploy"
  local dir, pairs_of = run.place.dir .. "/" .. folder, {}
  ss.fs.mkdir(dir)
  for i, case in ipairs(run.set.test) do
    local path = ("%s/%s.nii.gz"):format(dir, case.id)
    deploy.write(run.shadow.net, case, settings(run.cfg.data), infer.options(run.cfg), path)
    pairs_of[i] = { case = case.id, prediction = path, reference = case.label }
  end
  local summary = ss.on("cpu", evaluation.run, pairs_of, {
    classes = run.cfg.data.classes, label_channel = run.cfg.data.label_channel,
    spacing = run.cfg.data.true_spacing,
  })
  evaluation.save(summary, dir)
  run.log:say(("%s: Dice %.4f over %d cases (%s)"):format(folder, summary.mean.Dice, #pairs_of,
    dir .. "/summary.json"))
  return summary
end

--- Tests the shipped weights, after the last average where `watch.last` asks for it. Returns the
--- summary of the shipped ones, nil without test cases.
function prepare.test(run)
  if #run.set.test == 0 or not run.best then return nil end
  if run.cfg.watch.last then test_into(run, "test_last") end
  run.shadow.net:load_state(run.best, { strict = false })
  return test_into(run, "test")
end

prepare.settings = settings

return prepare
