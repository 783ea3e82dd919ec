-- `semisam bench` at small shapes: every line runs, none is dropped silently.
local t = require "tests.lib.t"
local ss = require "semisam"
local bench = require "semisam.bench.ops"
local models = require "semisam.bench.models"

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
  assert(count >= 24, "lines: " .. count)
  for i = 3, #lines do
    local ratio = tonumber(lines[i]:match "G[FB]/s%s+([%d.]+)$")
    assert(ratio and ratio >= 0, lines[i]) -- two digits: a busy machine may print 0.00
  end
end)

t.test("filter", function()
  local _, count
  printed(function() _, count = bench.run { quick = true, filter = "conv3d", turns = 1 } end)
  t.eq(count, 6)
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
  end
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

t.done()
