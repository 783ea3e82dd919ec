-- `semisam bench` at small shapes: every line runs, none is dropped silently.
local t = require "tests.lib.t"
local ss = require "semisam"
local bench = require "semisam.bench.ops"
local models = require "semisam.bench.models"
local stages = require "semisam.train.stages"
local train = require "semisam.bench.train"

local function printed(fn)
  local lines, real = {}, print
  print = function(s) lines[#lines + 1] = s end -- luacheck: ignore 121
  local ok, err = pcall(fn)
  print = real -- luacheck: ignore 121
  assert(ok, err)
  return lines
end

t.test("quick run", function()
  local low, count
  local lines = printed(function()
    low, count = bench.run { quick = true, filter = "", turns = 2 }
  end)
  t.eq(low, 0) -- nothing is judged at these shapes
  t.eq(#lines, count + 2)
  assert(count >= 27, "lines: " .. count)
  for i = 3, #lines do
    local ratio = tonumber(lines[i]:match "G[FB]/s%s+([%d.e-]+)$")
    assert(ratio and ratio > 0, lines[i]) -- a busy machine may print 0.0012
  end
end)

t.test("filter", function()
  local _, count
  printed(function() _, count = bench.run { quick = true, filter = "conv3d", turns = 1 } end)
  t.eq(count, 9) -- y, dx, dw; in f32, in bf16, upsampled in f32
  printed(function() _, count = bench.run { quick = true, filter = "dx bf16", turns = 1 } end)
  t.eq(count, 2)
end)

t.test("models run at toy sizes, one line of JSON each", function()
  local names = models.names()
  local lines = printed(function()
    t.eq(models.run { quick = true, filter = "", case = "", dtype = "all", turns = 1, json = true },
      2 * #names)
  end)
  t.eq(#lines, 2 * #names)
  for i, line in ipairs(lines) do
    local row = ss.json.decode(line)
    t.eq(row.case, names[(i + 1) // 2])
    assert(row.seconds > 0 and row.flops > 0 and row.peak_bytes > 0, line)
    if row.base_rss_bytes > 0 then assert(row.peak_rss_bytes > 0, line) end
    if row.tiles then assert(row.tiles.alone > 0 and row.tiles.loaded > 0, line) end
    assert(row.dtype == "bf16" or not row.tiles, line)
  end
end)

-- Words that make a training step small, its phantoms in a folder of the test.
local function small(dir, ...)
  return { "data.cache=" .. dir, "data.phantoms.size={16,16,16}", "student.base=4",
    "generalists.1.base=4", ... }
end

t.test("a training step: stages, kinds of operations and the cache add up", function()
  local dir = ss.fs.tmpdir()
  local lines = printed(function()
    train.run { size = "quickstart", turns = 2, dtype = "all", json = true, changes = small(dir) }
  end)
  t.eq(#lines, 1)
  local row, sum, products = ss.json.decode(lines[1]), 0, 0
  for _, name in ipairs(stages.NAMES) do
    sum, products = sum + row.stages[name], products + row.products[name]
    assert(row.stages[name] >= 0 and row.products[name] >= 0, name)
  end
  assert(math.abs(sum - row.seconds) < 1e-6 * row.seconds, "stages add up to the step")
  assert(math.abs(products - row.product_seconds) < 1e-6 * row.seconds, "so do the products")
  local all = row.product_seconds + row.between
  for _, seconds in pairs(row.rest) do all = all + seconds end
  assert(math.abs(all - row.profiled) < 1e-6 * row.profiled, "and the operations")
  for _, name in ipairs { "student", "ema", "teacher", "backward" } do
    assert(row.stages[name] > 0 and row.products[name] > 0, name .. " multiplies")
  end
  t.eq({ row.products.loader, row.products.optimiser, row.empty }, { 0.0, 0.0, 0 })
  assert(row.wait <= row.stages.loader and row.peak_bytes > 0 and row.between > 0)
  local c = row.cache
  assert(c.teacher < row.stages.teacher, "a kept label is not computed again")
  assert(c.label > 0 and c.amortised > c.seconds and c.refresh == 10)
  ss.fs.remove(dir, { tree = true })
end)

t.test("a training step of another recipe, as a table", function()
  local dir = ss.fs.tmpdir()
  local path = dir .. "/mine.lua"
  ss.fs.write(path, 'return require("semisam").extend(require "recipes.mean_teacher", {})\n')
  local lines = printed(function()
    train.run { recipe = path, size = "all", turns = 1, dtype = "bf16",
      changes = small(dir, "data.phantoms.train=4", "data.phantoms.val=1", "data.phantoms.test=1") }
  end)
  assert(lines[1]:find("mean_teacher: bf16", 1, true), lines[1])
  assert(lines[1]:find "step +%d+%.%d+ 100%.0 %%" and not lines[1]:find "labels kept", lines[1])
  t.raises(function()
    train.run { recipe = path, size = "all", turns = 1, dtype = "all",
      changes = small(dir, "phases.semi.epochs=0") }
  end, "phases.semi.epochs is 0")
  t.raises(function()
    train.run { recipe = path, size = "all", turns = 1, dtype = "all", changes = { "data.sise=3" } }
  end, "unknown setting 'data.sise'")
  t.raises(function()
    train.run { recipe = "recipes/study.lua", size = "all", turns = 1, dtype = "all", changes = {} }
  end, "study.lua is no recipe of a training")
  ss.fs.remove(dir, { tree = true })
end)

t.test("stages: nested, outside of a step, and after an error", function()
  local now = 0
  local s = stages.new(function() return now end)
  t.eq(s:run("student", function(x) return x, 2 end, 1), 1) -- no step: nothing is counted
  s:start()
  now = 1
  s:run("teacher", function()
    now = 3
    s:run("ema", function() now = 7 end)
    now = 8
  end)
  now = 10
  local got = s:stop()
  t.eq({ got.other, got.teacher, got.ema, got.student }, { 3, 3, 4, 0.0 })
  s:start()
  pcall(s.run, s, "loss", error, "stop")
  s:start() -- the next step begins anew
  now = 11
  t.eq(s:stop().other, 1)
end)

t.test("a profile counts calls and arithmetic and switches itself off", function()
  local x = ss.ones { 4, 8 }
  local rows, seconds = ss.profile.rows(function() x:linear(ss.ones { 2, 8 }):relu():relu() end)
  local by = {}
  for _, row in ipairs(rows) do by[row.name] = row end
  t.eq(by.linear.calls, 1)
  t.eq(by.linear.flops, 2.0 * 4 * 8 * 2)
  t.eq(by.relu.calls, 2)
  assert(seconds > 0 and ss.profile.text(rows, seconds):find "between operations")
  t.eq(next(ss._profile(false)), nil)
  t.raises(function() ss.profile.rows(error, "stop") end, "stop")
  t.eq(next(ss._profile(false)), nil)
end)

t.test("f16 is for GPUs", function()
  local r = require("tests.lib.run").semisam { "bench", "models", "dtype=f16", "quick=true" }
  t.eq({ r.status, r.out }, { 2, "" })
  t.match(r.err, "f16 is measured on a GPU; the processor is fast in f32 and bf16")
end)

t.done()
