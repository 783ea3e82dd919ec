-- recipes/study.lua: the grid of arms, label counts and seeds in processes; resuming; tables and figure.
local t = require "tests.lib.t"
local arms = require "semisam.study.arms"
local config = require "semisam.config"
local metrics = require "semisam.metrics"
local scores = require "semisam.study.scores"
local ss = require "semisam"
local study = require "semisam.study"
local tables = require "semisam.study.tables"
local tiny = require "tests.lib.tiny"

-- The study with tiny runs below dir.
local function recipe(dir, ...)
  local cfg = config.override(require "recipes.study", { "seeds={0,1}",
    "recipes={supervised,mean_teacher}" })
  cfg = config.override(cfg, { ... })
  cfg.out = dir .. "/study"
  cfg.set = { "data.seed={seed}", "watch={cases=0, pseudo=2, last=true, tensorboard=false}" }
  for _, word in ipairs(tiny.words(dir, "unused")) do
    if not word:find "^out=" then table.insert(cfg.set, word) end
  end
  return cfg
end

-- What study.run prints, and its status.
local function run(cfg)
  local lines, real = {}, print
  print = function(text) lines[#lines + 1] = text end -- luacheck: ignore
  local ok, status = pcall(study.run, cfg)
  print = real -- luacheck: ignore
  if not ok then error(status, 0) end
  return status, table.concat(lines, "\n")
end

local function words(cfg, arm, labels, seed)
  local plan = arms.plan(cfg)
  for _, r in ipairs(plan.runs) do
    if r.arm.name == arm and r.labels == labels and r.seed == seed then
      return table.concat(r.words, " "), r.name
    end
  end
end

t.test("the plan: order, names, words of which the last for a setting holds", function()
  local cfg = recipe(t.tmpdir(), "labels={4,1}", "ablate_at={4}",
    'ablations={{semi_sam_plus, name="no filter (0.25)", set={"pseudo.u_th=0.25","data.n_labelled=3"}}}')
  cfg.set = { "a.b={seed}", "c={data_seed}", "a.b=x{labels}", "data.n_labelled=7" }
  local names = {}
  for _, r in ipairs(arms.plan(cfg).runs) do names[#names + 1] = r.name end
  t.eq(names, { "supervised-n4-0", "mean_teacher-n4-0", "supervised-n4-1", "mean_teacher-n4-1",
    "supervised-n1-0", "mean_teacher-n1-0", "supervised-n1-1", "mean_teacher-n1-1",
    "no-filter-0.25--n4-0", "no-filter-0.25--n4-1" })
  t.eq(words(cfg, "supervised", 4, 1), "seed=1 a.b=x4 c=2 data.n_labelled=4")
  t.eq(words(cfg, "no filter (0.25)", 4, 0), "seed=0 a.b=x4 c=1 data.n_labelled=3 pseudo.u_th=0.25")
  cfg.labels = { 0 }
  local text, name = words(cfg, "supervised", false, 0)
  t.eq({ text, name }, { "seed=0 a.b=x c=1 data.n_labelled=7", "supervised-0" })
end)

t.test("what is wrong with an arm is told before anything runs", function()
  local function refused(pattern, ...)
    local cfg = recipe(t.tmpdir(), ...)
    t.raises(function() study.run(cfg) end, pattern)
    t.eq(ss.fs.exists(cfg.out), false)
  end
  refused("recipes%[2%]: there is no recipe 'no_such'", "recipes={supervised,no_such}")
  refused("ablations%[1%]: two arms are called 'mean_teacher'", "ablations={mean_teacher}")
  refused("an arm has no 'sets'; did you mean 'set'", "ablations={{supervised,name=a,sets={x}}}")
  refused("set is a list of key=value, got 3", "ablations={{supervised,name=a,set={3}}}")
  refused("an arm is the name of a recipe", "ablations={{name=a}}")
  refused("'labels' is a list of whole numbers from 0, got 1.5", "labels={1.5}")
end)

t.test("label sets lie in each other, for phantoms and for a folder", function()
  local dataset = require "semisam.data.dataset"
  local dir = t.tmpdir()
  require("semisam.phantom_set").write(dir .. "/p", { cases = 9, labelled = 7, val = 1, test = 1,
    size = { 16, 16, 16 }, seed = 1, family = "target", settings = {} })
  for seed = 0, 3 do
    local before = {}
    for n = 1, 7 do
      local set, now = dataset.open(dir .. "/p", { n_labelled = n, seed = seed }), {}
      for _, case in ipairs(set.labelled) do now[case.id] = true end
      t.eq({ #set.labelled, #set.unlabelled }, { n, 7 - n })
      for id in pairs(before) do t.ok(now[id], id .. " is in the larger set") end
      before = now
    end
  end
end)

local GRID = { "labels={2,1}", "ablate_at={2}", "recipes={supervised,semi_sam_plus}",
  'ablations={{semi_sam_plus, name="beta 0", set={"beta.max=0"}}, {mean_teacher},'
    .. '{semi_sam_plus, name=shuffled, set={"pseudo.shuffled=true"}}, {generalist_alone, name=oracle}}' }

-- Mean test Dice as the run folder says it.
local function dice_of(dir, folder)
  return ss.json.decode(ss.fs.read(dir .. "/" .. (folder or "test") .. "/summary.json"))
    .foreground_mean.Dice
end

t.test("a grid of label counts, arms and ablations; given again; stopped; its tables and figure", function()
  local cfg = recipe(t.tmpdir(), table.unpack(GRID))
  local status, said = run(cfg)
  t.eq(status, 0)
  t.match(said, "begin   %S+supervised%-n2%-0  %(0 of 16 runs done%)")
  t.match(said, "begin   %S+oracle%-n2%-1  %(15 of 16 runs done, about %d+s left%)")
  local text = ss.fs.read(cfg.out .. "/table.md")
  local one, two = dice_of(cfg.out .. "/supervised-n1-0"), dice_of(cfg.out .. "/supervised-n1-1")
  t.match(text, ("| 1 | supervised | %.3f | %.3f | %.3f | 0%%.%%d+ to 0%%.%%d+ |"):format(one, two,
    (one + two) / 2))
  t.match(text, "| 2 | semi_sam_plus minus supervised | [+-]0%.%d+ | [+-]0%.%d+ to [+-]0%.%d+ | %S+ | 4 "
    .. "| [+-]%S+ [+-]%S+ |")
  t.match(text, "| 2 | shuffled | `pseudo.shuffled=true` | 0%.%d+ | [+-]0%.%d+ |")
  t.match(text, "| 2 | semi_sam_plus | 0%.%d+ | 0%.%d+ | [+-]0%.%d+ | [+-]0%.%d+ | 6 |") -- coarse, pseudo
  t.eq(text:find("not there yet", 1, true), nil)
  local beta = text:match "| 2 | beta 0 | `beta.max=0` | (.-)\n"
  local teacher = text:match "| 2 | mean_teacher | mean_teacher | (.-)\n"
  t.ok(beta)
  t.eq(beta, teacher, "without beta it is Mean Teacher")
  local csv = ss.fs.read(cfg.out .. "/cases.csv")
  t.eq(select(2, csv:gsub("\n", "")), 1 + 16 * 2)
  t.match(csv, "arm,labels,seed,case,dice,dice_last\nsupervised,2,0,phantom_%d+,[01]%.%d+,[01]%.%d+\n")
  local late = text:match "Without choosing by validation.*"
  t.match(late, ("| 1 | supervised | %.3f |"):format(dice_of(cfg.out .. "/supervised-n1-0", "test_last")))
  t.match(late, "Differences by the last.-| 2 | semi_sam_plus minus supervised |.-Ablations.-| shuffled |")
  t.ok(#ss.fs.read(cfg.out .. "/figure_last.png") > 8000)
  local png = ss.fs.read(cfg.out .. "/figure.png")
  t.eq(png:sub(2, 4), "PNG")
  t.ok(#png > 8000, #png .. " bytes")
  local before = ss.fs.stat(cfg.out .. "/supervised-n1-1/best.safetensors").mtime
  local _, nothing = run(cfg)
  t.eq(nothing:find("begin", 1, true), nil)
  t.eq(ss.fs.stat(cfg.out .. "/supervised-n1-1/best.safetensors").mtime, before)
  t.eq(ss.fs.read(cfg.out .. "/table.md"), text)
  -- as if stopped: one before its test, one before its first checkpoint
  ss.fs.remove(cfg.out .. "/semi_sam_plus-n1-0/test", { tree = true })
  ss.fs.remove(cfg.out .. "/supervised-n2-0", { tree = true })
  ss.fs.mkdir(cfg.out .. "/supervised-n2-0")
  cfg.jobs = 0
  run(cfg)
  t.match(ss.fs.read(cfg.out .. "/table.md"),
    "2 of 16 runs are not there yet: supervised%-n2%-0, semi_sam_plus%-n1%-0%.")
  cfg.jobs = 2
  t.eq((run(cfg)), 0)
  t.eq(ss.fs.read(cfg.out .. "/table.md"), text)
  table.insert(cfg.set, "phases.semi.epochs=3")
  t.raises(function() run(cfg) end,
    "was made with other words; remove it or choose another out.*epochs=2.*epochs=3")
end)

t.test("a signal stops the runs with a checkpoint; the same command goes on", function()
  local dir = t.tmpdir()
  local cfg = recipe(dir, "labels={2}", "seeds={0}", "recipes={mean_teacher,supervised}")
  for i, word in ipairs(cfg.set) do -- long enough that a signal finds a run at work
    if word:find "^every=" then cfg.set[i] = "every={validate=50, checkpoint=2}" end
    if word:find "^phases.warmup" then cfg.set[i] = "phases.warmup.epochs=150" end
  end
  local list = {}
  for i, word in ipairs(cfg.set) do list[i] = "'" .. word .. "'" end
  ss.fs.write(dir .. "/study.lua", ("local s = require('recipes.study')\n"
    .. "s.out, s.set, s.labels, s.seeds = %q, {%s}, {2}, {0}\n"
    .. "s.recipes = {'mean_teacher','supervised'}\nreturn s\n"):format(cfg.out, table.concat(list, ",")))
  local program = os.getenv "SEMISAM" or "build/dev/semisam"
  local pipe = io.popen(([[timeout 200 bash -c 'set -m
    SEMISAM_PATH=$PWD %s %s/study.lua >%s/said 2>&1 & p=$!
    for i in $(seq 600); do ls %s/mean_teacher-n2-0/state-* >/dev/null 2>&1 && break; sleep 0.05; done
    kill -TERM $p; wait $p; echo $?']]):format(program, dir, dir, cfg.out))
  local status = pipe:read("a"):match("%d+")
  pipe:close()
  local said = ss.fs.read(dir .. "/said")
  t.eq(status, "143", said)
  t.match(said, "stopped %S+mean_teacher%-n2%-0\ninterrupted; the same command goes on")
  t.match(ss.fs.read(cfg.out .. "/mean_teacher-n2-0/report.html"), "interrupted at step")
  t.eq(ss.fs.exists(cfg.out .. "/supervised-n2-0"), false, "nothing more was begun")
  t.eq((run(cfg)), 0)
  t.match(ss.fs.read(cfg.out .. "/mean_teacher-n2-0.log"), "^") -- appended to, not begun again
  t.eq(select(2, ss.fs.read(cfg.out .. "/mean_teacher-n2-0/log.csv"):gsub("\n", "")), 1 + 3 * 153)
end)

t.test("a run that fails is named, the rest goes on, the status says so", function()
  local cfg = recipe(t.tmpdir(), "labels={2}", "seeds={0}",
    'recipes={{supervised, name=broken, set={"batch.labeled=1"}}, supervised}')
  local status, said = run(cfg)
  t.eq(status, 1)
  t.match(said, "failed  %S+broken%-n2%-0  status 78: .-labeled.-%(%S+broken%-n2%-0.log%)")
  t.match(said, "done    %S+supervised%-n2%-0  Dice 0%.%d+")
  local text = ss.fs.read(cfg.out .. "/table.md")
  t.match(text, "Failed: broken%-n2%-0, status 78: ")
  t.match(text, "| 2 | supervised | 0%.%d+ |")
end)

-- Scores by hand: no run is needed.
t.test("pairs are those of one seed and case; intervals, least gain, missing seeds", function()
  local dir = t.tmpdir()
  local cfg = config.override(require "recipes.study", { "labels={2}", "recipes={supervised,semi_sam_plus}" })
  cfg.out = dir
  local function put(arm, seed, dice, rows)
    local list = {}
    for name, d in pairs(dice) do
      list[#list + 1] = { prediction_file = "x/" .. name .. ".nii.gz", metrics = { ["1"] = { Dice = d } } }
    end
    local at = ("%s/%s-n2-%d"):format(dir, arm, seed)
    ss.fs.mkdir(at .. "/test")
    ss.fs.write(at .. "/test/summary.json", ss.json.encode { metric_per_case = list })
    ss.fs.write(at .. "/validation.csv", "step,dice,coarse,pseudo\n" .. (rows or ""))
  end
  put("supervised", 0, { a = 0.2, b = 0.4, c = 0.9 })
  put("semi_sam_plus", 0, { b = 0.6, a = 0.5 }, "1,0.5,,\n2,0.7,0.4,0.5\n3,0.65,0.5,0.52\n")
  put("semi_sam_plus", 1, { a = 0.7 })
  local plan = arms.plan(cfg)
  local by = scores.all(plan)
  local few = scores.cell(plan, by, plan.arms[1], 2)
  local many = scores.cell(plan, by, plan.arms[2], 2)
  t.near(few.mean, 0.5, 1e-12)
  t.near(many.mean, (0.55 + 0.7) / 2, 1e-12)
  local c = scores.paired(plan, many, few)
  t.eq(c.n, 2, "case c and seed 1 have no partner")
  t.near(c.mean, 0.25, 1e-12)
  t.eq(#c.seeds, 1)
  local same = metrics.compare({ 0.5, 0.6 }, { 0.2, 0.4 })
  t.eq({ c.lo, c.hi, c.p }, { same.lo, same.hi, same.p })
  local p = scores.pseudo(many)
  t.near(p.coarse, 0.45, 1e-12)
  t.near(p.pseudo, 0.51, 1e-12)
  t.near(p.least, 0.02, 1e-12)
  t.eq(p.n, 2)
  t.eq(scores.validation(many), { best = 0.7, last = 0.65 })
  t.eq(scores.validation(few), nil)
  local text = tables.markdown(plan, by, {})
  t.match(text, "| 2 | supervised | 0.500 |  |  |  |  |\n")
  t.match(text, "3 of 6 runs are not there yet: supervised%-n2%-1, supervised%-n2%-2, semi_sam_plus%-n2%-2%.")
end)

t.done()
