-- Random sources: named draws repeat, distributions have their moments.
local ss = require "semisam"
local rng = require "semisam.rng"
local t = require "tests.lib.t"

-- Mean and standard deviation of a tensor's elements.
local function moments(x)
  local v = x:flat()
  local sum, square = 0, 0
  for _, y in ipairs(v) do sum = sum + y end
  local mean = sum / #v
  for _, y in ipairs(v) do square = square + (y - mean) ^ 2 end
  return mean, math.sqrt(square / #v), v
end

t.test("plain Lua and C give the same words", function()
  for i = 1, 50 do
    local key, lo, hi = rng { seed = i }:key(), rng { seed = i }:key(1), rng { seed = i }:key(2)
    t.eq({ rng.block(key, lo, hi) }, ss._ops._philox(key, lo, hi):flat())
  end
end)

t.test("sources depend on every name and on nothing else", function()
  local base = { seed = 1, epoch = 2, case = "a", purpose = "crop" }
  local function first(change)
    local names = {}
    for k, v in pairs(base) do names[k] = v end
    for k, v in pairs(change or {}) do names[k] = v end
    local r = rng(names)
    return { r:key(), r:key(1), r:number(), r:integer(1, 1000000), r:fork("x"):key() }
  end
  t.eq(first(), first())
  for k, v in pairs { seed = 2, epoch = 3, case = "b", purpose = "flip" } do
    for i, value in ipairs(first { [k] = v }) do t.ne(value, first()[i], k) end
  end
  t.ne(rng { case = 1 }:key(), rng { case = "1" }:key())
  t.raises(function() rng { sead = 1 } end, 'unknown field "sead"')
  t.raises(function() rng { seed = 1.5 } end, "seed must be an integer or a string, got 1.5")
end)

t.test("draws stay in range and are spread evenly", function()
  local r, bins = rng { seed = 3 }, {}
  for _ = 1, 6000 do
    local i = r:integer(-2, 3)
    bins[i] = (bins[i] or 0) + 1
  end
  for i = -2, 3 do t.ok(math.abs(bins[i] - 1000) < 150, "bin " .. i) end
  local p = r:permutation(100)
  table.sort(p)
  for i = 1, 100 do t.eq(p[i], i) end
  for _ = 1, 1000 do
    local x = r:number(2, 3)
    t.ok(x >= 2 and x < 3)
  end
end)

t.test("moments of the random ops", function()
  local n = { 200000 }
  local mean, std = moments(ss.uniform(n, 1))
  t.near(mean, 0.5, 0.003)
  t.near(std, math.sqrt(1 / 12), 0.002)
  local v
  mean, std, v = moments(ss.normal(n, 2))
  t.near(mean, 0, 0.008)
  t.near(std, 1, 0.006)
  local beyond = 0
  for _, x in ipairs(v) do beyond = beyond + (math.abs(x) > 1.959964 and 1 or 0) end
  t.near(beyond / #v, 0.05, 0.002)
  for _, ab in ipairs { { 2, 5 }, { 0.4, 0.4 }, { 1, 1 }, { 30, 0.5 } } do
    local a, b = ab[1], ab[2]
    mean, std = moments(ss.beta(n, 3, a, b))
    t.near(mean, a / (a + b), 0.004)
    t.near(std, math.sqrt(a * b / (a + b + 1)) / (a + b), 0.004)
  end
  local rayleigh = ss.ones { 40, 50, 100 }:speckle(4, 0.3, { hi = 100 })
  mean, std = moments(rayleigh)
  t.near(mean, 1, 0.003)
  t.near(std, 0.3, 0.003)
end)

t.done()
