-- recipes/study.lua: runs the grid in processes, resumes, and compares in pairs.
local t = require "tests.lib.t"
local tiny = require "tests.lib.tiny"
local config = require "semisam.config"
local ss = require "semisam"
local study = require "semisam.study"

local function recipe(dir)
  local cfg = config.override(require "recipes.study", { "seeds={0,1}", "recipes={supervised,mean_teacher}" })
  cfg.out, cfg.set = dir .. "/study", {}
  for _, word in ipairs(tiny.words(dir, "unused")) do
    if not word:find "^out=" then table.insert(cfg.set, word) end
  end
  table.insert(cfg.set, "data.seed={seed}")
  return cfg
end

t.test("a grid of two recipes and two seeds, twice", function()
  local cfg = recipe(t.tmpdir())
  t.eq(study.run(cfg), 0)
  local text = ss.fs.read(cfg.out .. "/table.md")
  t.match(text, "| supervised | 0%.%d+ | 0%.%d+ | 0%.%d+ | [+-]0%.%d+ %(.-, 4 pairs%) |")
  t.match(text, "| mean_teacher | 0%.%d+ | 0%.%d+ | 0%.%d+ |")
  local before = ss.fs.stat(cfg.out .. "/supervised-1/best.safetensors").mtime
  t.eq(study.run(cfg), 0)
  t.eq(ss.fs.stat(cfg.out .. "/supervised-1/best.safetensors").mtime, before)
  t.eq(ss.fs.read(cfg.out .. "/table.md"), text)
  ss.fs.remove(cfg.out .. "/mean_teacher-0/test", { tree = true }) -- as if it had been stopped there
  t.eq(study.run(cfg), 0)
  t.eq(ss.fs.read(cfg.out .. "/table.md"), text)
end)

t.test("what cannot run is named", function()
  local cfg = recipe(t.tmpdir())
  cfg.recipes = { "no_such" }
  t.raises(function() study.run(cfg) end, "no recipe 'no_such'")
  cfg.recipes, cfg.seeds = { "supervised" }, { 0 }
  table.insert(cfg.set, "batch.labeled=1")
  t.raises(function() study.run(cfg) end, "ended with status 78: .*labeled")
end)

t.done()
