-- study.lua — runs recipes over seeds as processes of their own, and compares their test cases in
-- pairs. Model selection is the recipes' own, on validation cases; test cases are only read here.
local ss = require "semisam"
local fail = require "semisam.fail"
local metrics = require "semisam.metrics"
local paths = require "semisam.paths"
local system = require "semisam.system"

local study = {}

local function quoted(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function place(cfg, recipe, seed)
  return ("%s/%s-%d"):format(cfg.out, recipe, seed)
end

local function summary_of(dir)
  local path = dir .. "/test/summary.json"
  return ss.fs.exists(path) and ss.json.decode(ss.fs.read(path)) or nil
end

-- The file of a recipe: a path, or a name that require would find in a folder `recipes`.
local function recipe_file(name)
  if ss.fs.exists(name) then return name end
  for _, folder in ipairs(paths.folders()) do
    local path = ("%s/recipes/%s.lua"):format(folder, name)
    if ss.fs.exists(path) then return path end
  end
  fail.recipe("study: there is no recipe '%s'", name)
end

local function command(cfg, recipe, seed)
  local dir = place(cfg, recipe, seed)
  local words = {
    quoted(ss.fs.realpath("/proc/self/exe")), "--threads", tostring(cfg.threads),
    quoted(recipe_file(recipe)), "seed=" .. seed, "quiet=true",
    quoted((ss.fs.exists(dir) and "resume=" or "out=") .. dir),
  }
  for _, word in ipairs(cfg.set) do
    local text = word:gsub("{seed}", tostring(seed)):gsub("{data_seed}", tostring(seed + 1))
    words[#words + 1] = quoted(text)
  end
  return ("%s >>%s 2>&1 </dev/null; echo $? >%s"):format(table.concat(words, " "),
    quoted(dir .. ".log"), quoted(dir .. ".status"))
end

-- A folder that was made but holds no checkpoint yet is begun again.
local function clear_unborn(dir)
  if not ss.fs.exists(dir) then return end
  for _, name in ipairs(ss.fs.list(dir)) do
    if name:find("^state%-") then return end
  end
  ss.fs.remove(dir, { tree = true })
end

-- Reports a run that has ended; its exit status is in DIR.status.
local function report(job)
  job.pipe:close()
  local status = ss.fs.read(job.dir .. ".status"):match("%d+")
  ss.fs.remove(job.dir .. ".status")
  if status == "0" then
    print(("done  %s  Dice %.3f"):format(job.dir, summary_of(job.dir).foreground_mean.Dice))
    return
  end
  local log = job.dir .. ".log"
  local last = ss.fs.exists(log) and ss.fs.read(log):match("([^\n]*)\n?$") or ""
  fail.raise("failure", "study: %s ended with status %s: %s (%s)", job.dir, status, last, log)
end

-- Waits until at most `most` runs go on. Whichever ends first makes room.
local function wait(running, most)
  while #running > most do
    for i = #running, 1, -1 do
      if ss.fs.exists(running[i].dir .. ".status") then report(table.remove(running, i)) end
    end
    if #running > most then system.sleep(0.2) end
  end
end

-- Runs what is missing, `jobs` at a time, in the order of the grid.
local function run_grid(cfg)
  local running = {}
  for _, seed in ipairs(cfg.seeds) do
    for _, recipe in ipairs(cfg.recipes) do
      local dir = place(cfg, recipe, seed)
      if not summary_of(dir) then
        clear_unborn(dir)
        ss.fs.remove(dir .. ".status")
        print("begin " .. dir)
        local pipe = io.popen(command(cfg, recipe, seed), "w")
        running[#running + 1] = { pipe = pipe, dir = dir }
        wait(running, cfg.jobs - 1)
      end
    end
  end
  wait(running, 0)
end

-- Per-case Dice of a recipe over all seeds, and the mean of each seed.
local function scores(cfg, recipe)
  local cases, means = {}, {}
  for i, seed in ipairs(cfg.seeds) do
    local s = summary_of(place(cfg, recipe, seed))
    means[i] = s.foreground_mean.Dice
    for _, case in ipairs(s.metric_per_case) do
      local sum, n = 0, 0
      for _, m in pairs(case.metrics) do
        if m.Dice then sum, n = sum + m.Dice, n + 1 end
      end
      cases[#cases + 1] = n > 0 and sum / n or 0 / 0
    end
  end
  return { cases = cases, means = means }
end

local function mean(list)
  local sum = 0
  for _, v in ipairs(list) do sum = sum + v end
  return sum / #list
end

--- The table as Markdown: test Dice per seed, its mean, and the paired difference of the last
--- recipe to each of the others with a bootstrap interval and Wilcoxon's p.
function study.table(cfg)
  local lines, by = {}, {}
  for _, recipe in ipairs(cfg.recipes) do by[recipe] = scores(cfg, recipe) end
  local last = cfg.recipes[#cfg.recipes]
  local head = { "recipe" }
  for _, seed in ipairs(cfg.seeds) do head[#head + 1] = "seed " .. seed end
  head[#head + 1] = "mean Dice"
  head[#head + 1] = last .. " minus this (95 % interval, p)"
  lines[1] = "| " .. table.concat(head, " | ") .. " |"
  lines[2] = ("|---"):rep(#head) .. "|"
  for _, recipe in ipairs(cfg.recipes) do
    local row = { recipe }
    for _, m in ipairs(by[recipe].means) do row[#row + 1] = ("%.3f"):format(m) end
    row[#row + 1] = ("%.3f"):format(mean(by[recipe].means))
    if recipe == last then
      row[#row + 1] = ""
    else
      local c = metrics.compare(by[last].cases, by[recipe].cases)
      row[#row + 1] = ("%+.3f (%+.3f to %+.3f, p = %.2g, %d pairs)"):format(c.mean, c.lo, c.hi,
        c.p, c.n)
    end
    lines[#lines + 1] = "| " .. table.concat(row, " | ") .. " |"
  end
  return table.concat(lines, "\n") .. "\n"
end

--- What recipes/study.lua runs.
function study.run(cfg)
  ss.fs.mkdir(cfg.out)
  run_grid(cfg)
  local text = study.table(cfg)
  ss.fs.write(cfg.out .. "/table.md", text)
  io.write("\n", text, "\nwritten: ", cfg.out, "/table.md\n")
  return 0
end

return study
