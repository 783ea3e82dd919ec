-- study/scores.lua — what the finished runs of a study show: Dice of every test case, what the
-- pseudo-labels were worth, differences paired by case.
local ss = require "semisam"
local csv = require "semisam.csv"
local metrics = require "semisam.metrics"

local scores = {}

local function mean(list)
  local sum = 0
  for _, v in ipairs(list) do sum = sum + v end
  return #list > 0 and sum / #list or 0 / 0
end
scores.mean = mean

-- Mean Dice over the classes that a case has.
local function dice_of(case)
  local sum, n = 0, 0
  for _, m in pairs(case.metrics) do
    if m.Dice then sum, n = sum + m.Dice, n + 1 end
  end
  return n > 0 and sum / n or 0 / 0
end

-- Validation Dice of the averaged weights at its best and at the end of a run.
local function validation_of(rows)
  local best, last
  for _, row in ipairs(rows) do
    if type(row.dice) == "number" then best, last = math.max(best or 0, row.dice), row.dice end
  end
  return best and { best = best, last = last }
end

-- Held-out Dice of the coarse masks and of the pseudo-labels made from them, over the validations
-- of a run (watch.pseudo of the recipe); nil where they were not looked at.
local function pseudo_of(rows)
  local coarse, pseudo, least = {}, {}, math.huge
  for _, row in ipairs(rows) do
    if row.phase ~= "warmup" and type(row.coarse) == "number" and type(row.pseudo) == "number" then
      coarse[#coarse + 1], pseudo[#pseudo + 1] = row.coarse, row.pseudo
      least = math.min(least, row.pseudo - row.coarse)
    end
  end
  if #coarse == 0 then return nil end
  return { coarse = mean(coarse), pseudo = mean(pseudo), least = least, n = #coarse }
end

--- A finished run: { mean, names, dice = {case name -> Dice}, validation, pseudo }; nil while it is
--- not there.
---@param run table of study/arms.lua
---@param folder? string of its tests: "test", the default, of the shipped weights, or "test_last"
function scores.of(run, folder)
  local path = ("%s/%s/summary.json"):format(run.dir, folder or "test")
  if not ss.fs.exists(path) then return nil end
  local rows = csv.rows(run.dir .. "/validation.csv") or {}
  local out = { names = {}, dice = {}, validation = validation_of(rows), pseudo = pseudo_of(rows) }
  local list = {}
  for _, case in ipairs(ss.json.decode(ss.fs.read(path)).metric_per_case) do
    local name = case.prediction_file:match("[^/]*$"):gsub("%.nii.*$", "")
    out.names[#out.names + 1], out.dice[name] = name, dice_of(case)
    list[#list + 1] = out.dice[name]
  end
  table.sort(out.names)
  out.mean = mean(list)
  return out
end

--- All scores of a plan: by[run.name].
---@param plan table of study/arms.lua
---@param folder? string as of scores.of
function scores.all(plan, folder)
  local by = {}
  for _, run in ipairs(plan.runs) do by[run.name] = scores.of(run, folder) end
  return by
end

--- What an arm reached at a label count: { seeds = {seed -> score}, list = {every case's Dice},
--- means = {mean of each finished seed}, complete = every seed is there, mean, lo, hi (bootstrap
--- over cases) }; nil without a run. Means over different seeds must not be compared.
function scores.cell(plan, by, arm, labels)
  local cell = { seeds = {}, list = {}, means = {} }
  for _, seed in ipairs(plan.seeds) do
    local run = plan.run(arm, labels, seed)
    local s = run and by[run.name]
    if s then
      cell.seeds[seed], cell.means[#cell.means + 1] = s, s.mean
      for _, name in ipairs(s.names) do cell.list[#cell.list + 1] = s.dice[name] end
    end
  end
  if #cell.means == 0 then return nil end
  local zero = {}
  for i = 1, #cell.list do zero[i] = 0 end
  local c = metrics.compare(cell.list, zero)
  cell.mean, cell.lo, cell.hi = mean(cell.means), c.lo, c.hi
  cell.complete = #cell.means == #plan.seeds
  return cell
end

--- The difference a - b of two cells, paired by seed and case: metrics.compare, and `seeds`, the
--- mean difference of each seed that both have, and `list`, every pair's difference; nil without.
function scores.paired(plan, a, b)
  if not a or not b then return nil end
  local x, y, seeds, list = {}, {}, {}, {}
  for _, seed in ipairs(plan.seeds) do
    local one, two = a.seeds[seed], b.seeds[seed]
    local own = {}
    for _, name in ipairs(one and two and one.names or {}) do
      if two.dice[name] then
        x[#x + 1], y[#y + 1] = one.dice[name], two.dice[name]
        own[#own + 1] = one.dice[name] - two.dice[name]
      end
    end
    table.move(own, 1, #own, #list + 1, list)
    if #own > 0 then seeds[#seeds + 1] = mean(own) end
  end
  if #x == 0 then return nil end
  local c = metrics.compare(x, y)
  if c.n == 0 then return nil end
  c.seeds, c.list = seeds, list
  return c
end

--- Means over the seeds of a cell of what its pseudo-labels were worth; nil where unknown.
function scores.pseudo(cell)
  local coarse, hot, least, n = {}, {}, math.huge, 0
  for _, s in pairs(cell and cell.seeds or {}) do
    if s.pseudo then
      coarse[#coarse + 1], hot[#hot + 1] = s.pseudo.coarse, s.pseudo.pseudo
      least, n = math.min(least, s.pseudo.least), n + s.pseudo.n
    end
  end
  if n == 0 then return nil end
  return { coarse = mean(coarse), pseudo = mean(hot), least = least, n = n }
end

--- Means over the seeds of a cell of the best and the last validation Dice; nil where unknown.
function scores.validation(cell)
  local best, last = {}, {}
  for _, s in pairs(cell and cell.seeds or {}) do
    if s.validation then
      best[#best + 1], last[#last + 1] = s.validation.best, s.validation.last
    end
  end
  return best[1] and { best = mean(best), last = mean(last) }
end

--- Every Dice as CSV: arm, labels, seed, case, Dice, and Dice by the weights of the last step.
---@param plan table of study/arms.lua
---@param by table of scores.all
---@param last table of scores.all(plan, "test_last")
function scores.csv(plan, by, last)
  local lines = { "arm,labels,seed,case,dice,dice_last" }
  for _, run in ipairs(plan.runs) do
    local s = by[run.name]
    local arm = run.arm.name:find('[,"]') and '"' .. run.arm.name:gsub('"', '""') .. '"'
      or run.arm.name
    for _, name in ipairs(s and s.names or {}) do
      local late = last[run.name] and last[run.name].dice[name]
      lines[#lines + 1] = ("%s,%s,%d,%s,%.6f,%s"):format(arm, run.labels or "", run.seed, name,
        s.dice[name], late and ("%.6f"):format(late) or "")
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

return scores
