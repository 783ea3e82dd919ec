-- semisam compare: tables, pairs and picture of run folders.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local ss = require "semisam"

-- A run folder as train.lua leaves it, with what the comparison reads.
local function folder(dir, recipe, dice, cases)
  ss.fs.mkdir(dir .. "/test")
  ss.fs.write(dir .. "/recipe.lua", recipe)
  local log, val = { "step,phase,epoch,loss,pseudo_coarse" }, { "step,phase,dice,dice_student,best" }
  for i = 1, 40 do
    log[#log + 1] = ("%d,%s,%g,%g,%s"):format(i, i <= 10 and "warmup" or "semi", (i - 1) / 10, 2 / i,
      i > 10 and 0.5 or "")
  end
  for i, d in ipairs(dice) do val[#val + 1] = ("%d,semi,%g,%g,1"):format(10 * i, d, d) end
  ss.fs.write(dir .. "/log.csv", table.concat(log, "\n") .. "\n")
  ss.fs.write(dir .. "/validation.csv", table.concat(val, "\n") .. "\n")
  if not cases then return end
  local list = {}
  for i, c in ipairs(cases) do
    list[i] = { prediction_file = ("%s/test/case_%d.nii.gz"):format(dir, i),
      reference_file = "labels/x.nii.gz", metrics = { ["1"] = { Dice = c[1], n_ref = c[2] } } }
  end
  ss.fs.write(dir .. "/test/summary.json", ss.json.encode { metric_per_case = list })
end

local A = 'return {\n  name = "a",\n  beta = { epochs = 40, max = 0 },\n  weak = {\n    nil, -- [1]: '
  .. 'flip { p = 0.5 }\n  },\n}\n'

t.test("results, settings that differ, pairs by case and reference, picture", function()
  local dir = t.tmpdir()
  local cases = {}
  for i = 1, 8 do cases[i] = { 0.5 + i / 100, 100 + i } end
  folder(dir .. "/a", A, { 0.25, 0.75, 0.5 }, cases)
  for i = 1, 8 do cases[i] = { 0.6 + i / 100, 100 + i } end
  cases[8][2] = 999
  folder(dir .. "/b", A:gsub("max = 0", "max = 0.3"):gsub("p = 0.5", "p = 0.25"):gsub('"a"', '"b"'),
    { 0.5, 0.8125 }, cases)
  folder(dir .. "/c", A, {})
  local r = run.semisam { "compare", dir .. "/a", dir .. "/b/", dir .. "/c", "png=" .. dir .. "/x.png",
    "out=" .. dir .. "/x.md" }
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "| a   | 40    | 0%.7500 %(step 20%) +| 0%.5450 ± 0%.0245 %(8%)")
  t.match(r.out, "| b   | 40    | 0%.8125 %(step 20%) +| 0%.6450 ± 0%.0245 %(8%)")
  t.match(r.out, "%+0%.100 %(%+0%.100 to %+0%.100%), p = 0%.0%d+, 7 pairs, 1 with another reference")
  t.match(r.out, "| c   | 40    | none +| none +| no case in common")
  t.match(r.out, "\n| beta%.max | 0 +| 0%.3 +| 0 +|")
  t.match(r.out, "\n| weak%.1 +| flip { p = 0%.5 } | flip { p = 0%.25 } |")
  t.ok(not r.out:find("beta%.epochs"), "the same in all")
  t.eq(ss.fs.read(dir .. "/x.png"):sub(1, 8), "\137PNG\r\n\26\n")
  t.eq(r.out:sub(1, #ss.fs.read(dir .. "/x.md")), ss.fs.read(dir .. "/x.md"))
  local same = run.semisam { "compare", dir .. "/a", dir .. "/a", "png=" .. dir .. "/y.png" }
  t.match(same.out, "The recipes are the same")
  t.match(same.out, "%+0%.000 %(%+0%.000 to %+0%.000%)")
  t.match(same.out, "| " .. dir:gsub("%p", "%%%0") .. "/a |", "alike names are told apart")
end)

t.test("what is no run is refused", function()
  local dir = t.tmpdir()
  folder(dir .. "/a", A, { 0.5 })
  run.refuses(t, { "compare", dir .. "/a" }, 2, "at least two")
  run.refuses(t, { "compare", dir .. "/a", dir }, 66, "recipe%.lua is missing")
  folder(dir .. "/b", "return os.exit(3)", {})
  run.refuses(t, { "compare", dir .. "/a", dir .. "/b" }, 65, "is no recipe")
  folder(dir .. "/d", "return {", {})
  run.refuses(t, { "compare", dir .. "/a", dir .. "/d" }, 65, "is no recipe")
end)

t.done()
