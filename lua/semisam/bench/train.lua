-- bench/train.lua — a step of the training loop, stage by stage. What runs is the loop's own step
-- (train/advance.lua) of a resolved recipe in its semi-supervised phase. Left out are the run
-- folder and, where the recipe names no files, the generalists' weights: those follow a rule
-- (formula.lua).
local ss = require "semisam"
local advance = require "semisam.train.advance"
local config = require "semisam.config"
local fail = require "semisam.fail"
local formula = require "semisam.formula"
local labels = require "semisam.train.labels"
local memory = require "semisam.bench.memory"
local networks = require "semisam.train.networks"
local show = require "semisam.bench.train_show"
local stages = require "semisam.train.stages"
local train = require "semisam.train"

local bench = {}

-- Epochs that a kept label serves where the recipe itself keeps none.
local REFRESH = 10

-- What is measured unless a recipe is given: its recipe, changes, and steps of a measurement.
local SIZES = {
  full = { recipe = "semi_sam_plus_full", steps = 3, data = { train = 3, labelled = 1 } },
  quickstart = { recipe = "semi_sam_plus", steps = 20, data = { train = 8, labelled = 2 } },
}
bench.sizes = { "quickstart", "full" }

-- ---- the run -----------------------------------------------------------------------------------

-- Weights by the rule, below `dir`, for generalists that have none.
local function fill(cfg, dir)
  for i, spec in ipairs(cfg.generalists) do
    if cfg.beta.max > 0 and not networks.files(spec)[1] then
      spec.weights = ("%s/generalist_%d.safetensors"):format(dir, i)
      ss.scoped(function()
        local net = networks.network(spec, cfg.data)
        formula.fill(net)
        local all = net:state()
        for k = #all, 1, -1 do all[k] = nil end
        ss.safetensors_write(spec.weights, all, {})
      end)
    end
  end
end

-- A run at the first step of its semi-supervised phase; `rows` is its log.
local function begin(cfg)
  local run, at = train.build(cfg), nil
  for i, p in ipairs(run.plan) do
    if p.name == "semi" then at = i end
  end
  if not at then fail.recipe("bench train: phases.semi.epochs is 0, no step to measure") end
  if not run.batches.streams.unlabelled then
    fail.data("bench train: no unlabelled case, so there is no semi-supervised step")
  end
  run.numbers.phase, run.rows = at, {}
  run.log = { step = function(_, row) run.rows[#run.rows + 1] = row end }
  run.report = { step = function() end }
  return run
end

-- The next batch at the phase's first lambda and beta; its row of the log.
local function step(run)
  run.numbers.phase_start, run.numbers.semi_steps = run.numbers.step, 0
  advance(run)
  return run.rows[#run.rows]
end

-- ---- what is measured --------------------------------------------------------------------------

-- Means over steps; `before` is called ahead of each and not measured.
local function timed(run, count, before)
  local out = { seconds = 0.0, wait = 0.0, empty = 0, stages = {} }
  for _, name in ipairs(stages.NAMES) do out.stages[name] = 0.0 end
  for _ = 1, count do
    if before then before() end
    local row = step(run)
    out.wait, out.empty = out.wait + row.wait_seconds / count, out.empty + (row.empty or 0)
    for name, seconds in pairs(out.stages) do
      local share = row[name .. "_seconds"] / count
      out.stages[name], out.seconds = seconds + share, out.seconds + share
    end
  end
  return out
end

-- Products are those of matrices, convolutions and attention, with their gradients.
local function is_product(op)
  return op:find "^_?linear" or op:find "^_?conv" or op == "matmul" or op:find "^_?attention"
end

-- Seconds in products by stage, in other operations by name, and between operations.
local function kinds(run, count)
  local out = { profiled = 0.0, product_seconds = 0.0, products = {}, rest = {} }
  for _, name in ipairs(stages.NAMES) do out.products[name] = 0.0 end
  local function collect(stage)
    for op, row in pairs(ss._profile(true)) do
      local seconds = row.seconds / count
      if is_product(op) then
        out.products[stage] = out.products[stage] + seconds
        out.product_seconds = out.product_seconds + seconds
      else
        out.rest[op] = (out.rest[op] or 0.0) + seconds
      end
    end
  end
  run.stages.watch = collect
  ss._profile(true)
  local ok, err = pcall(function()
    for _ = 1, count do out.profiled = out.profiled + step(run).seconds / count end
  end)
  run.stages.watch = nil
  ss._profile(false)
  if not ok then error(err, 0) end
  out.between = out.profiled - out.product_seconds
  for _, seconds in pairs(out.rest) do out.between = out.between - seconds end
  return out
end

-- The step with labels out of the cache, and what making one costs.
local function cached(run, count)
  local pseudo, made, n = run.cfg.pseudo, 0.0, 0
  local refresh = pseudo.refresh > 0 and pseudo.refresh or REFRESH
  pseudo.refresh, run.kept = 1e9, {}
  local b = run.cfg.batch
  local function keep()
    for index = run.numbers.step * b.accumulate, (run.numbers.step + 1) * b.accumulate - 1 do
      for _, sample in ipairs(run.batches:plan("unlabelled", index)) do
        if not run.kept[sample.case.id] then n = n + 1 end
        local begun, known = ss.clock(), run.kept[sample.case.id]
        ss.no_grad(ss.scoped, labels.cached, run, { samples = { sample } }, run.pseudo_round())
        if not known then made = made + ss.clock() - begun end
      end
    end
  end
  local kept = timed(run, count, keep)
  local label = made / n
  return { seconds = kept.seconds, teacher = kept.stages.teacher, label = label, refresh = refresh,
    amortised = kept.seconds + label * b.unlabelled * b.accumulate / refresh }
end

---A step of a resolved recipe, measured. Stages and peak are of whole steps with labels computed
---online, unless the recipe keeps them.
---@param cfg table
---@param count integer steps
---@return table row
function bench.measure(cfg, count)
  local row = { name = cfg.name, precision = cfg.precision, threads = ss.threads(), steps = count,
    unlabelled = cfg.batch.unlabelled * cfg.batch.accumulate, base_rss_bytes = memory.resident() }
  local run = begin(cfg)
  local encoder = rawget(run.student, "image_encoder")
  row.frozen = encoder and (rawget(encoder, "compute") or "f32") or "none"
  if cfg.device ~= "cpu" then run.stages.wait = function() ss.wait(cfg.device) end end
  local ok, err = pcall(function()
    step(run) -- packs weights, starts the loader
    ss.reset_peak(cfg.device)
    memory.reset_peak()
    for key, value in pairs(timed(run, count)) do row[key] = value end
    row.peak_bytes, row.peak_rss_bytes = ss.memory(cfg.device).peak, memory.peak()
    for key, value in pairs(kinds(run, math.max(1, count // 3))) do row[key] = value end
    if cfg.beta.max > 0 and run.method.name == "semi_sam_plus" then
      row.cache = cached(run, count)
    end
  end)
  run.batches:close()
  if not ok then error(err, 0) end
  return row
end

-- ---- the command -------------------------------------------------------------------------------

-- The resolved recipe of a size, or of the file that was named.
local function resolved(o, name)
  local size = SIZES[name]
  local recipe = o.recipe and require("semisam.script").recipe(o.recipe)
    or ss.extend(require("recipes." .. size.recipe), {
      data = { phantoms = { train = size.data.train, labelled = size.data.labelled, val = 1,
        test = 0 } },
    })
  if not recipe.phases then
    fail.recipe("bench train: %s is no recipe of a training: it has no phases", o.recipe)
  end
  local words = { "quiet=true" }
  for i, word in ipairs(o.changes) do words[i + 1] = (word:gsub("^data=([^{])", "data.root=%1")) end
  if o.device and o.device ~= "cpu" then words[#words + 1] = "device=" .. o.device end
  if o.dtype ~= "all" then words[#words + 1] = "precision=" .. o.dtype end
  local ok, cfg = pcall(config.override, recipe, words)
  if not ok then fail.recipe("bench train: %s", cfg) end
  return cfg
end

---Measures and prints.
---@param o { size: string, recipe: string?, device: string?, turns: integer, dtype: string,
---  json: boolean, quick: boolean, changes: string[] }
function bench.run(o)
  local names = o.recipe and { "quickstart" } or o.size == "all" and bench.sizes or { o.size }
  for _, name in ipairs(names) do
    local cfg = resolved(o, name)
    local dir = ss.fs.tmpdir()
    local ok, row = pcall(function()
      fill(cfg, dir)
      require("semisam.train.check").recipe(cfg)
      local count = o.turns > 0 and o.turns or o.quick and 1 or o.recipe and 3 or SIZES[name].steps
      return ss.on(cfg.device, function() return ss.scoped(bench.measure, cfg, count) end)
    end)
    ss.fs.remove(dir, { tree = true })
    if not ok then error(row, 0) end
    collectgarbage()
    ss.trim(cfg.device)
    if o.json then print(ss.json.encode(row)) else print(table.concat(show.lines(row), "\n")) end
    io.stdout:flush()
  end
end

return bench
