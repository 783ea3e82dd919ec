-- study.lua — recipes at label counts over seeds, each run a process of its own, compared by test
-- case. Model selection is the recipes' own, on validation cases; test cases are only read here.
--
--   study/arms.lua    what is run      study/tables.lua  table.md
--   study/grid.lua    the processes    study/figure.lua  figure.png
--   study/scores.lua  what came out
local ss = require "semisam"
local arms = require "semisam.study.arms"
local fail = require "semisam.fail"
local figure = require "semisam.study.figure"
local grid = require "semisam.study.grid"
local scores = require "semisam.study.scores"
local tables = require "semisam.study.tables"

local study = {}

--- Writes OUT/table.md, cases.csv, figure.png and, of the last step's weights where they were
--- tested, figure_last.png, of the runs that are there. Returns the table.
---@param cfg table recipes/study.lua
---@param plan table of study/arms.lua
---@param failed? table[] of study/grid.lua
---@return string Markdown
---@return string files their names
function study.write(cfg, plan, failed)
  local by, last = scores.all(plan), scores.all(plan, "test_last")
  local text = tables.markdown(plan, by, failed or {}, last)
  local files = "table.md, cases.csv"
  ss.fs.write(cfg.out .. "/table.md", text)
  ss.fs.write(cfg.out .. "/cases.csv", scores.csv(plan, by, last))
  for _, picture in ipairs { { "figure.png", by }, { "figure_last.png", last } } do
    if next(picture[2]) then
      figure.write(plan, picture[2], cfg.out .. "/" .. picture[1])
      files = files .. ", " .. picture[1]
    end
  end
  return text, files
end

--- What recipes/study.lua runs.
---@param cfg table
---@return integer exit status
function study.run(cfg)
  local plan = arms.plan(cfg)
  ss.fs.mkdir(cfg.out)
  local lock <close>, why = ss.fs.lock(cfg.out .. "/lock") -- luacheck: ignore (held until the end)
  if not lock then
    fail.create("study: %s: another study works there (%s)", cfg.out, why or "lock is held")
  end
  local failed, status = grid.run(cfg, plan, function() study.write(cfg, plan) end)
  local text, files = study.write(cfg, plan, failed)
  io.write("\n", text, "\nwritten: ", cfg.out, "/", files, "\n")
  for _, f in ipairs(failed) do
    print(("failed: %s, status %d: %s"):format(f.run.dir, f.status, f.message))
  end
  return status or (failed[1] and fail.status.failure or 0)
end

return study
