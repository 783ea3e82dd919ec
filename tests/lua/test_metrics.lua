-- Known answers of the metrics, the rules for empty masks, summaries and paired comparisons.
local ss = require "semisam"
local metrics = require "semisam.metrics"
local t = require "tests.lib.t"

local function volume(shape, inside)
  local bytes = {}
  for z = 0, shape[1] - 1 do
    for y = 0, shape[2] - 1 do
      for x = 0, shape[3] - 1 do bytes[#bytes + 1] = inside(z, y, x) and "\1" or "\0" end
    end
  end
  return ss.frombytes(table.concat(bytes), "u8", shape)
end

local function cube(lo, hi, shift)
  return volume({ 16, 16, 16 }, function(z, y, x)
    z = z - (shift or 0)
    return z >= lo and z <= hi and y >= lo and y <= hi and x >= lo and x <= hi
  end)
end

local function ball(r)
  return volume({ 48, 48, 48 }, function(z, y, x)
    return (z - 23.5) ^ 2 + (y - 23.5) ^ 2 + (x - 23.5) ^ 2 < r * r
  end)
end

local function point(z, y, x)
  return volume({ 8, 8, 8 }, function(a, b, c) return a == z and b == y and c == x end)
end

local none = function() return volume({ 8, 8, 8 }, function() return false end) end
local NAN = 0 / 0

local function row(r)
  return { r.dice, r.iou, r.hd95_pooled, r.hd95_max, r.asd, r.assd }
end

t.test("known shapes", function()
  t.near(row(metrics.case(point(1, 1, 1), point(4, 5, 1))), { 0, 0, 5, 5, 5, 5 })
  t.near(row(metrics.case(point(1, 1, 1), point(4, 5, 1), { spacing = 0.5 })), { 0, 0, 2.5, 2.5, 2.5, 2.5 })
  t.near(row(metrics.case(cube(2, 11), cube(2, 11, 2))), { 0.8, 0.666667, 2, 2, 0.688525, 0.688525 }, 1e-6)
  t.near(row(metrics.case(cube(3, 12), cube(2, 13))), { 0.733138, 0.578704, 1.414214, 1.414214, 1, 1.038161 },
    1e-6)
  t.near(row(metrics.case(ball(12), ball(15))),
    { 0.669391, 0.503071, 3.316625, 3.605551, 2.896243, 2.937091 }, 1e-6)
end)

t.test("spacing is that of the file: x, y, z", function()
  local r = metrics.case(point(1, 1, 1), point(3, 2, 1), { spacing = { 7, 3, 2 } })
  t.near(r.hd, 5)
  t.near(r.volume, 42 / 1000, 1e-9)
  t.near(r.diagonal, 8 * math.sqrt(49 + 9 + 4), 1e-9)
  t.near(metrics.hd95(point(1, 1, 1), point(3, 2, 1), "max", { 7, 3, 2 }), 5)
end)

t.test("empty masks", function()
  local p = point(1, 1, 1)
  t.eq(row(metrics.case(none(), none())), { 1.0, 1.0, NAN, NAN, NAN, NAN })
  t.eq(row(metrics.case(none(), p)), { 0.0, 0.0, NAN, NAN, NAN, NAN })
  t.eq(row(metrics.case(p, none())), { 0.0, 0.0, NAN, NAN, NAN, NAN })
  t.eq(metrics.case(none(), none()).empty, "both")
  t.eq(metrics.case(p, none()).empty, "truth")
  t.eq(metrics.case(p, none()).volume_error, NAN)
  t.eq(row(metrics.case(none(), p, { compat = "medpy" })), { 0.0, 0.0, 0.0, 0.0, 0.0, 0.0 })
  t.near(metrics.case(p, point(2, 1, 1), { compat = "medpy", spacing = 0.5 }).hd, 1)
end)

t.test("summaries tell what is missing", function()
  local p = point(1, 1, 1)
  local s = metrics.summary {
    metrics.case(p, p), metrics.case(p, point(4, 5, 1)), metrics.case(none(), p),
    metrics.case(none(), none()),
  }
  t.eq({ s.cases, s.empty_pred, s.empty_truth, s.empty_both }, { 4, 1, 0, 1 })
  t.near(s.dice.mean, 0.5)
  t.eq({ s.hd95_max.n, s.hd95_max.missing }, { 2, 2 })
  t.near(s.hd95_max.mean, 2.5)
  t.near(s.hd95_max.std, 5 / math.sqrt(2), 1e-6)
  t.near(s.hd95_max.penalised, (0 + 5 + 8 * math.sqrt(3) + 0) / 4, 1e-6)
  t.eq(metrics.summary({}).dice.mean, NAN)
end)

t.test("paired comparison", function()
  local a, b = {}, {}
  for i = 1, 24 do
    b[i] = 0.5 + 0.01 * i
    a[i] = b[i] + 0.05 + 0.02 * math.sin(i)
  end
  local c = metrics.compare(a, b)
  t.near(c.mean, 0.05, 0.002)
  t.ok(c.lo > 0.035 and c.lo < c.mean and c.hi > c.mean and c.hi < 0.065)
  t.ok(c.p < 1e-4)
  t.eq(metrics.compare(a, b), c, "the same draw every time")
  c = metrics.compare({ 1, 2, 3, NAN }, { 1, 2, 3, 4 })
  t.eq({ c.mean, c.p, c.n }, { 0.0, 1.0, 3 })
  -- Twelve pairs, worked by hand: ranks of the negative ones 1 and 3, so W+ = 74; z = 2.706
  local d = { -1, 2, -3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }
  local zero = {}
  for i = 1, 12 do zero[i] = 0 end
  t.near(metrics.compare(d, zero).p, 0.006802, 1e-6)
end)

t.test("misuse", function()
  local p = point(1, 1, 1)
  t.raises(function() metrics.case(p, p, { spacings = 1 }) end, "unknown option 'spacings'")
  t.raises(function() metrics.case(p, p, { compat = "monai" }) end, "compat should be 'medpy'")
  t.raises(function() metrics.case(p, p, { spacing = { 1, 2 } }) end, "spacing should be")
  t.raises(function() metrics.dice(p, cube(1, 2)) end, "u8%[8,8,8%].*u8%[16,16,16%]")
  t.raises(function() metrics.hd95(p, p, "both") end, "forms 'pooled' and 'max'")
  t.raises(function() metrics.compare({ 1 }, { 1, 2 }) end, "got 1 and 2 values")
end)

t.done()
