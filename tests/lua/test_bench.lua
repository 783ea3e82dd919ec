-- `semisam bench ops` at small shapes: every line runs, none is dropped silently.
local t = require "tests.lib.t"
local bench = require "semisam.bench.ops"

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
    assert(ratio and ratio > 0, lines[i])
  end
end)

t.test("filter", function()
  local _, count
  printed(function() _, count = bench.run { quick = true, filter = "conv3d", turns = 1 } end)
  t.eq(count, 6)
  printed(function() _, count = bench.run { quick = true, filter = "dx bf16", turns = 1 } end)
  t.eq(count, 2)
end)

t.done()
