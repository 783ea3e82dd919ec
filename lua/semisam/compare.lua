-- compare.lua — runs side by side: what their recipes differ in, how they validated, how they
-- tested case by case, and their curves in one picture.
local ss = require "semisam"
local csv = require "semisam.csv"
local draw = require "semisam.draw"
local fail = require "semisam.fail"
local history = require "semisam.train.history"
local metrics = require "semisam.metrics"

local compare = {}

-- ---- reading ---------------------------------------------------------------

-- The settings of a run folder as a table. What has no Lua text is a remark there, and its words
-- stand for it.
local function settings(dir)
  local path = dir .. "/recipe.lua"
  if not ss.fs.exists(path) then fail.input("%s: no run there (recipe.lua is missing)", dir) end
  local text = ss.fs.read(path)
  text = text:gsub("nil, %-%- %[%d+%]: ([^\n]*)", function(t) return ("%q,"):format(t) end)
  text = text:gsub("\n( *)%-%- ([%w_]+): ([^\n]*)", function(indent, key, t)
    return ("\n%s%s = %q,"):format(indent, key, t)
  end)
  local chunk, why = load(text, "@" .. path, "t", { math = { huge = math.huge } })
  local ok, value = pcall(chunk or error, why)
  if not ok or type(value) ~= "table" then
    fail.data("%s: is no recipe: %s", path, tostring(value))
  end
  return value
end

-- Every setting by its path, as text.
local function flat(t, path, out)
  if next(t) == nil and path ~= "" then out[path] = "{}" end
  for key, v in pairs(t) do
    local full = path == "" and tostring(key) or path .. "." .. tostring(key)
    if type(v) == "table" then
      flat(v, full, out)
    else
      out[full] = type(v) == "number" and ("%.14g"):format(v) or tostring(v)
    end
  end
  return out
end

local function mean_of(metrics_of)
  local dice, voxels, n = 0, {}, 0
  for class, m in pairs(metrics_of) do
    if m.Dice then dice, n = dice + m.Dice, n + 1 end
    voxels[#voxels + 1] = ("%s:%g"):format(class, m.n_ref or -1)
  end
  table.sort(voxels)
  return n > 0 and dice / n or 0 / 0, table.concat(voxels, " ")
end

-- Test cases by name: Dice, and the size of the reference, which tells whether two runs speak of
-- the same case.
local function test_cases(dir)
  local path = dir .. "/test/summary.json"
  if not ss.fs.exists(path) then return nil end
  local out, list = {}, {}
  for _, case in ipairs(ss.json.decode(ss.fs.read(path)).metric_per_case) do
    local name = case.prediction_file:match("[^/]*$")
    local dice, reference = mean_of(case.metrics)
    out[name] = { dice = dice, reference = reference }
    if dice == dice then list[#list + 1] = dice end
  end
  return out, list
end

local function best_of(rows)
  local best
  for _, row in ipairs(rows) do
    if type(row.dice) == "number" and (not best or row.dice > best.dice) then best = row end
  end
  return best
end

--- What a run folder holds, for the table and the picture.
---@param dir string
function compare.read(dir)
  dir = dir:gsub("(.)/+$", "%1")
  local run = { dir = dir, name = dir:match("[^/]*$"), settings = flat(settings(dir), "", {}) }
  run.validation = csv.rows(dir .. "/validation.csv") or {}
  run.history = history.read(dir)
  run.best = best_of(run.validation)
  run.cases, run.dice = test_cases(dir)
  return run
end

-- ---- tables ----------------------------------------------------------------

local function mean_std(list)
  local sum, square = 0, 0
  for _, v in ipairs(list) do sum = sum + v end
  local mean = sum / #list
  for _, v in ipairs(list) do square = square + (v - mean) ^ 2 end
  return mean, #list > 1 and math.sqrt(square / (#list - 1)) or 0
end

--- The paired difference a - b over the test cases both runs have; nil without one. `other` counts
--- cases of one name whose references differ.
---@return table? c metrics.compare
---@return integer other
function compare.paired(a, b)
  local x, y, names, other = {}, {}, {}, 0
  for name in pairs(a.cases or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local one, two = a.cases[name], b.cases and b.cases[name]
    if two and one.reference == two.reference then
      x[#x + 1], y[#y + 1] = one.dice, two.dice
    elseif two then
      other = other + 1
    end
  end
  local c = #x > 0 and metrics.compare(x, y) or nil
  return c and c.n > 0 and c or nil, other
end

local function difference(run, first)
  if run == first then return "" end
  local c, other = compare.paired(run, first)
  local text = c and ("%+.3f (%+.3f to %+.3f), p = %.2g, %d pairs"):format(c.mean, c.lo, c.hi, c.p,
    c.n) or "no case in common"
  if other > 0 then text = text .. (", %d with another reference"):format(other) end
  return text
end

-- Columns as wide as their widest cell; Markdown, and readable as it is.
local function aligned(head, rows)
  local width = {}
  local function widen(cells)
    for i, cell in ipairs(cells) do width[i] = math.max(width[i] or 3, utf8.len(cell) or #cell) end
  end
  widen(head)
  for _, row in ipairs(rows) do widen(row) end
  local function line(cells)
    local out = {}
    for i, cell in ipairs(cells) do
      out[i] = cell .. (" "):rep(width[i] - (utf8.len(cell) or #cell))
    end
    return "| " .. table.concat(out, " | ") .. " |"
  end
  local rule = {}
  for i, w in ipairs(width) do rule[i] = ("-"):rep(w) end
  local lines = { line(head), "|-" .. table.concat(rule, "-|-") .. "-|" }
  for _, row in ipairs(rows) do lines[#lines + 1] = line(row) end
  return table.concat(lines, "\n")
end

--- Results: best validation Dice, test Dice, paired difference to the first run.
---@param runs table[]
---@return string Markdown
function compare.results(runs)
  local rows = {}
  for i, run in ipairs(runs) do
    local test = "none"
    if run.dice and #run.dice > 0 then
      local mean, std = mean_std(run.dice)
      test = ("%.4f ± %.4f (%d)"):format(mean, std, #run.dice)
    end
    rows[i] = { run.name, tostring(run.history.last and run.history.last.step or 0),
      run.best and ("%.4f (step %d)"):format(run.best.dice, run.best.step) or "none", test,
      difference(run, runs[1]) }
  end
  return aligned({ "run", "steps", "best validation Dice", "test Dice, mean ± std (cases)",
    "minus " .. runs[1].name .. " (95 % interval)" }, rows)
end

--- Settings that are not the same in all runs; nil when there is none.
---@return string? Markdown
function compare.differences(runs)
  local paths, rows = {}, {}
  for _, run in ipairs(runs) do
    for path in pairs(run.settings) do paths[path] = true end
  end
  local sorted = {}
  for path in pairs(paths) do sorted[#sorted + 1] = path end
  table.sort(sorted)
  for _, path in ipairs(sorted) do
    local row, differs = { path }, false
    for i, run in ipairs(runs) do
      row[i + 1] = run.settings[path] or "-"
      differs = differs or row[i + 1] ~= row[2]
    end
    if differs then rows[#rows + 1] = row end
  end
  if #rows == 0 then return nil end
  local head = { "setting" }
  for i, run in ipairs(runs) do head[i + 1] = run.name end
  return aligned(head, rows)
end

-- ---- picture ---------------------------------------------------------------

-- Panels of curves with one colour per run; panels no run has are left out.
local function panels(runs)
  local out = {}
  local function panel(title, options, points)
    local p = { title = title, x = "step", series = {}, left = options.left, range = options.range }
    for _, run in ipairs(runs) do
      local x, y = points(run)
      p.series[#p.series + 1] = { name = run.name, x = x or {}, y = y or {}, dots = options.dots }
    end
    for _, s in ipairs(p.series) do
      if #s.y > 0 then
        out[#out + 1] = p
        return
      end
    end
  end
  panel("validation Dice", { left = "Dice", range = { 0, 1 }, dots = true }, function(run)
    local x, y = {}, {}
    for i, row in ipairs(run.validation) do x[i], y[i] = row.step, row.dice or 0 / 0 end
    return x, y
  end)
  panel("loss", { left = "loss" }, function(run) return run.history:column("loss") end)
  panel("pseudo-label and coarse mask", { left = "Dice", range = { 0, 1 } },
    function(run) return run.history:column("pseudo_coarse") end)
  panel("seconds per step", { left = "seconds" },
    function(run) return run.history:column("seconds") end)
  return out
end

--- Writes the curves of all runs over each other. Returns false when no run has any.
function compare.picture(runs, path)
  local list = panels(runs)
  if #list == 0 then return false end
  draw.curves { panels = list, out = path, height = 220 }
  return true
end

return compare
