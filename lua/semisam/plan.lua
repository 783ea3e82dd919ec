-- plan.lua — what a recipe will need on a card, from a device that computes nothing: the run's own
-- steps on "meta:cuda", with the allocator that a GPU has, and a model of each operation's time.
--
-- Values do not exist there; what is read is 1, so that losses are finite, objects are found and
-- clicked at, and steps are taken.
local ss = require "semisam"
local advance = require "semisam.train.advance"
local config = require "semisam.config"
local fail = require "semisam.fail"
local gpus = require "semisam.gpus"
local infer = require "semisam.infer"
local labels = require "semisam.train.labels"
local stages = require "semisam.train.stages"
local train = require "semisam.train"

local plan = {}

plan.DEVICE = "meta:cuda"

-- ---- measuring ---------------------------------------------------------------------------------

local function mark() ss.reset_peak(plan.DEVICE) end

-- Most bytes in use and taken since the last mark.
local function peaks()
  local m = ss.memory(plan.DEVICE)
  return { used = m.peak, taken = m.reserved_peak }
end

local function most(into, name, p, seconds)
  local row = into[name] or { used = 0, taken = 0, seconds = 0.0 }
  row.used, row.taken = math.max(row.used, p.used), math.max(row.taken, p.taken)
  row.seconds = row.seconds + seconds
  into[name] = row
end

-- Modelled seconds of the operations since the last call.
local function spent()
  local sum = 0.0
  for _, row in pairs(ss._profile(true)) do sum = sum + row.seconds end
  return sum
end

-- f() with operations counted.
local function counted(f)
  ss._profile(true)
  local ok, result = pcall(f)
  ss._profile(false)
  if not ok then error(result, 0) end
  return result
end

-- ---- the run -----------------------------------------------------------------------------------

local function begin(cfg)
  cfg.pseudo.min_voxels, cfg.pseudo.min_part = 1, 0 -- a mask of "1" is enough to prompt
  local run = train.build(cfg)
  run.log = { step = function() end }
  run.report = { step = function() end }
  return run
end

-- The phase's rows by stage: the second of two steps, when the optimiser has its state.
local function steps(run, name)
  local at
  for i, p in ipairs(run.plan) do
    if p.name == name then at = i end
  end
  if not at then return nil end
  local n = run.numbers
  n.phase = at
  local rows = {}
  for i = 1, 2 do
    n.phase_start, n.semi_steps = n.step, run.plan.steps_per_epoch * 5
    rows = {}
    mark()
    run.stages.watch = function(stage)
      most(rows, stage, peaks(), spent())
      mark()
    end
    counted(function() advance(run) end)
    run.stages.watch = nil
    if i == 1 then collectgarbage() end
  end
  return rows
end

-- A validation: prediction of one validation or training case by the network that is shipped, and
-- its pseudo-label where one is looked at.
local function evaluation(run)
  local case = run.set.val[1] or run.set.labelled[1]
  mark()
  local seconds = counted(function()
    ss.no_grad(ss.scoped, function()
      infer.probabilities(run.shadow.net, run.store:image(case), infer.options(run.cfg))
    end)
    local looked_at = math.max(run.cfg.watch.cases, labels.looked_at(run.cfg))
    if run.generalists[1] and looked_at > 0 then labels.held_out(run, 1) end
    return spent()
  end)
  local rows = {}
  most(rows, "evaluation", peaks(), seconds)
  return rows
end

---What a resolved recipe needs: phases { name, rows = { stage = {used, taken, seconds} } }.
---@param cfg table its device is plan.DEVICE
---@param card semisam.gpu
function plan.measure(cfg, card)
  ss._pace(gpus.pace(card))
  local _ <close> = setmetatable({}, { __close = function() ss._pace(nil) end })
  return ss.on(plan.DEVICE, function()
    local out = {}
    mark()
    local run = begin(cfg)
    local rows = {}
    most(rows, "load", peaks(), 0)
    out[1] = { name = "load", rows = rows }
    local ok, err = pcall(function()
      for _, name in ipairs { "warmup", "semi", "finetune" } do
        out[#out + 1] = { name = name, rows = steps(run, name) }
        if not out[#out].rows then out[#out] = nil end
      end
      out[#out + 1] = { name = "evaluation", rows = evaluation(run) }
    end)
    run.batches:close()
    if not ok then error(err, 0) end
    return out
  end)
end

-- ---- the report --------------------------------------------------------------------------------

local ORDER = { "load", "evaluation" }
table.move(stages.NAMES, 1, #stages.NAMES, 3, ORDER)

local function gb(bytes) return bytes / 1e9 end

---The lines of a report, and the most that is taken of the card's memory, in 10^9 bytes.
---@param phases table of plan.measure
---@param card semisam.gpu
function plan.lines(phases, card)
  local top = 0
  local head = "%-11s %-11s %9s %9s %10s"
  local lines = {
    ("%s: %.1f GB, %.2f of it for CUDA itself; times are estimates within a factor of two"):format(
      card.title, card.memory, gpus.CONTEXT),
    head:format("phase", "stage", "in use GB", "taken GB", "seconds"),
  }
  for _, phase in ipairs(phases) do
    local used, taken, seconds, n = 0, 0, 0.0, 0
    for _, stage in ipairs(ORDER) do
      local row = phase.rows[stage]
      if row and (row.seconds > 0 or stage == "load") then
        lines[#lines + 1] = ("%-11s %-11s %9.3f %9.3f %10.4f"):format(phase.name, stage,
          gb(row.used), gb(row.taken), row.seconds)
      end
      if row then
        used, taken = math.max(used, row.used), math.max(taken, row.taken)
        seconds, n = seconds + row.seconds, n + 1
      end
    end
    if n > 1 then
      lines[#lines + 1] = ("%-11s %-11s %9.3f %9.3f %10.4f"):format(phase.name, "whole step",
        gb(used), gb(taken), seconds)
    end
    top = math.max(top, gb(taken))
  end
  return lines, top + gpus.CONTEXT
end

---What `semisam plan` does; returns an exit status.
---@param o { recipe: string, device: string, changes: string[], json: boolean? }
function plan.run(o)
  local card = gpus.cards[o.device]
  local words = { "quiet=true", "device=" .. plan.DEVICE }
  for _, word in ipairs(o.changes or {}) do
    words[#words + 1] = (word:gsub("^data=([^{])", "data.root=%1"))
  end
  local ok, cfg = pcall(config.override, require("semisam.script").recipe(o.recipe), words)
  if not ok then fail.recipe("plan: %s", cfg) end
  if cfg.precision == "bf16" and card.capability < 80 then
    fail.recipe("plan: %s has no bf16; precision=f16 is what it computes fast in", card.title)
  end
  local phases = ss.scoped(plan.measure, cfg, card)
  local lines, need = plan.lines(phases, card)
  local budget = cfg.max_gb or card.memory
  local fits = need <= budget
  if o.json then
    print(ss.json.encode { device = o.device, phases = phases, need_gb = need, budget_gb = budget,
      fits = fits })
  else
    print(table.concat(lines, "\n"))
    print(("needs %.2f GB of %.2f: %s"):format(need, budget, fits and "fits" or "does not fit"))
  end
  return fits and 0 or 1
end

return plan
