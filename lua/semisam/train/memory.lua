-- memory.lua — what a run on a GPU should take of it (plan.lua): said before the run starts,
-- refused where it cannot fit, and held against what was taken. Only tensors, packed weights and
-- scratch are counted: what the allocator keeps for reuse it gives back when there is no room.
local ss = require "semisam"
local config = require "semisam.config"
local fail = require "semisam.fail"
local gpus = require "semisam.gpus"

local memory = {}

memory.TOLERANCE = 0.02 -- part of the planned bytes that nobody wonders about

local function gb(bytes) return bytes / 1e9 end

--- The most bytes in use up to the end of each phase: { warmup = n, .. }, all = n, at = name of the
--- phase that takes the most. Every phase ends with a validation.
---@param phases table of plan.measure
function memory.by_phase(phases)
  local most = {}
  for _, phase in ipairs(phases) do
    local used = 0
    for _, row in pairs(phase.rows) do used = math.max(used, row.used) end
    most[phase.name] = used
  end
  local out = { all = 0 }
  local base = math.max(most.load, most.evaluation)
  for _, phase in ipairs(phases) do
    if most[phase.name] > out.all then out.all, out.at = most[phase.name], phase.name end
    base = math.max(base, most[phase.name])
    out[phase.name] = base
  end
  return out
end

--- The plan of a run on a CUDA device; nil on other devices, and { why = sentence } where the
--- recipe cannot be planned. Refuses a recipe that needs more than there is.
---@param cfg table resolved recipe
function memory.expect(cfg)
  if not cfg.device:match "^cuda" then return nil end
  local plan = require "semisam.plan"
  local own = config.copy(cfg)
  own.device, own.resume = plan.DEVICE, ""
  local card = gpus.cards.titanv -- for its times, which are not used
  local ok, phases = pcall(ss.scoped, plan.measure, own, card)
  if not ok then return { why = tostring(phases) } end
  local planned = memory.by_phase(phases)
  planned.free = ss.memory(cfg.device).budget
  if planned.all > planned.free then
    fail.recipe("%s: needs %.3f GB (%s), and %.3f are to be had%s; a smaller data.patch, batch or "
      .. "student needs less", cfg.device, gb(planned.all), planned.at, gb(planned.free),
      cfg.max_gb and (" (max_gb=%g)"):format(cfg.max_gb) or "")
  end
  ss.reset_peak(cfg.device)
  return planned
end

--- Says in the log, before the first step, what is planned.
---@param run table with `planned` of expect()
function memory.announce(run)
  local planned, device = run.planned, run.cfg.device
  if not planned then return end
  run.log:say(planned.why and ("memory on %s is not planned: %s"):format(device, planned.why)
    or ("memory on %s: %.3f GB at most by plan (%s), %.2f are to be had"):format(device,
      gb(planned.all), planned.at, gb(planned.free)))
end

--- What to say of the bytes that were taken up to the end of a phase; nil when they are within
--- the plan. Less is nothing to say: masks may have been too small to prompt for.
---@param planned table of expect()
---@param phase string
---@param peak integer bytes
function memory.departs(planned, phase, peak)
  local want = planned[phase]
  if not want or peak <= (1 + memory.TOLERANCE) * want then return nil end
  return ("memory up to the end of the %s phase: %.3f GB, %.3f by plan"):format(phase, gb(peak),
    gb(want))
end

--- Says in the log what departs from the plan up to the end of a phase.
function memory.compare(run, phase)
  local odd = run.planned and memory.departs(run.planned, phase, ss.memory(run.cfg.device).peak)
  if odd then run.log:say(odd) end
end

return memory
