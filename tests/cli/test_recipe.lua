-- Recipes misused: every mistake is told in one sentence before anything is computed or written.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local ss = require "semisam"

local cwd = ss.fs.cwd()
local function absolute(path) return path:sub(1, 1) == "/" and path or cwd .. "/" .. path end
local program = absolute(run.program)

-- Runs a recipe in an empty folder; it must be refused quickly and leave that folder empty.
local function refused(recipe, args, status, pattern)
  local dir = t.tmpdir()
  local words = {}
  for i, a in ipairs(args) do words[i] = run.quote(a) end
  local label = table.concat(args, " ")
  local r = run.shell(("cd %s && XDG_CACHE_HOME=%s/cache %s %s %s"):format(run.quote(dir), run.quote(dir),
    run.quote(program), run.quote(absolute(recipe)), table.concat(words, " ")), { limit = 20 })
  t.eq(r.status, status, label .. " -> " .. r.err:sub(1, 300))
  t.match(r.err, "^semisam: [^\n]+\n$", label)
  t.match(r.err, pattern, label)
  t.eq(ss.fs.list(dir), {}, label .. " left something behind")
end

local main = "recipes/semi_sam_plus.lua"

t.test("settings that do not exist or have another type", function()
  refused(main, { "bta.max=0" }, 78, "unknown setting 'bta'; did you mean 'beta'%?")
  refused(main, { "ema.alpah=1" }, 78, "unknown setting 'ema%.alpah'; did you mean 'ema%.alpha'%?")
  refused(main, { "beta.max=high" }, 78, "'beta.max' expects a number, got the string \"high\"")
  refused(main, { "seed" }, 78, "expected key=value, got 'seed'")
  refused(main, { "seed=1", "seed=2" }, 78, "'seed' is given twice")
  refused(main, { "data=/not/here" }, 66, "/not/here does not exist")
  refused(main, { "phases.warmup=3" }, 78, "'phases%.warmup' expects a table with epochs, lr")
  refused(main, { "seed=" }, 78, "a value is missing")
end)

t.test("values out of range", function()
  refused(main, { "seed=1.5" }, 78, "'seed' should be a whole number")
  refused(main, { "batch.labelled=0" }, 78, "'batch.labelled' should be a whole number from 1")
  refused(main, { "phases.semi.epochs=-1" }, 78, "'phases.semi.epochs' should be a number from 0")
  refused(main, { "data.n_labelled=0" }, 78, "'data.n_labelled' should be a whole number from 1")
  refused(main, { "pseudo.u_th=7" }, 78, "'pseudo.u_th': expected a variance in")
  refused(main, { "data.patch={8,8}" }, 78, "'data.patch' should be three whole numbers .* got {8, 8}")
  refused(main, { "data.patch={0,8,8}" }, 78, "three whole numbers .* got {0, 8, 8}")
  refused(main, { "student.1=unet3" }, 78, "no network is called 'unet3'; did you mean 'unet3d'%?")
end)

t.test("folders and files that are not there, or are in the way", function()
  refused(main, { "data.root=/no/such/folder" }, 66, "'data.root': /no/such/folder does not exist")
  refused(main, { "resume=/no/such/run" }, 66, "no run there %(recipe.lua is missing%)")
  refused(main, { "resume=/tmp", "out=x" }, 78, "resume and out exclude each other")
  refused(main, { "out=/dev/null/x" }, 73, "'out': /dev/null/x cannot be made, /dev/null is no folder")
  local used = t.tmpdir()
  ss.fs.write(used .. "/recipe.lua", "return {}\n")
  refused(main, { "out=" .. used }, 73, "holds a run already")
  refused(main, { "resume=" .. used, "data.root=/tmp" }, 65, "/tmp: expected dataset.json")
  ss.fs.write(used .. "/words.json", "[")
  refused(main, { "resume=" .. used }, 65, "words.json: no list of words in JSON")
end)

t.test("data sets that cannot be used", function()
  local dir = t.tmpdir()
  ss.fs.mkdir(dir .. "/empty/images")
  ss.fs.mkdir(dir .. "/empty/labels")
  refused(main, { "data.root=" .. dir .. "/empty" }, 65, "holds no image")
  ss.fs.mkdir(dir .. "/json/imagesTr")
  ss.fs.write(dir .. "/json/dataset.json", "{broken")
  refused(main, { "data.root=" .. dir .. "/json" }, 65, "dataset.json")
  local few = dir .. "/few"
  t.eq(run.semisam({ "phantom", few, "cases=5", "size=8", "labelled=2", "val=1", "test=1" }).status, 0)
  refused(main, { "data.root=" .. few, "data.n_labelled=99" }, 65, "99 labelled cases are asked for")
end)

t.test("recipes that are none", function()
  local dir = t.tmpdir()
  local function file(name, text) return run.write(dir .. "/" .. name, text) end
  refused(file("syntax.lua", "return { 1 2 }"), {}, 78, "syntax.lua:1: '}' expected")
  refused(file("number.lua", "return 3"), {}, 78, "expected a recipe %(a table%) or nothing, got a number")
  refused(file("raise.lua", "error('broken')"), {}, 1, "raise.lua:1: broken")
  refused(file("unknown.lua", "local ss = require 'semisam'\n" ..
    "return ss.extend(require 'recipes.semi_sam_plus', { lamda = { max = 3 } })"), {}, 1,
    "unknown.lua: extend: unknown setting 'lamda'; did you mean 'lambda'%?")
  refused(file("parent.lua", "return require 'recipes.no_such_recipe'"), {}, 1, "no_such_recipe' not found")
end)

t.test("--help shows the settings of a recipe; --key=value is key=value", function()
  local r = run.semisam { main, "--help" }
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "^usage: semisam recipes/semi_sam_plus%.lua %[key=value %.%.%.%]\n\nSemi%-SAM%+")
  t.match(r.out, "\n  seed = 0,\n")
  refused(main, { "--bta.max=0" }, 78, "unknown setting 'bta'")
  refused(main, { "--resume=/no/such/run" }, 66, "no run there")
end)

t.test("where there is no terminal a line about steps comes every few seconds, log.csv has all", function()
  local dir = t.tmpdir()
  local r = run.shell(([["$S" -e 'local log = require("semisam.train.log").new("%s", { total = 90 })
    for i = 1, 50 do log:step { step = i, phase = "semi", loss = 1, megabytes = 1 } end
    log:close()']]):format(dir))
  t.eq({ r.status, r.err, select(2, r.out:gsub("\n", "")) }, { 0, "", 1 })
  t.match(r.out, "^semi 1/90  loss 1%.0000  ")
  t.eq(select(2, ss.fs.read(dir .. "/log.csv"):gsub("\n", "")), 51)
end)

t.test("an ablation runs from anywhere: its settings are seen", function()
  local dir = t.tmpdir()
  local path = run.write(dir .. "/mine.lua", "local ss = require 'semisam'\n" ..
    "return ss.extend(require 'recipes.semi_sam_plus', { name = 'mine', data = { root = '/not/there' } })")
  refused(path, {}, 66, "/not/there does not exist")
  refused(path, { "data.root=/nor/there" }, 66, "/nor/there does not exist")
end)

t.done()
