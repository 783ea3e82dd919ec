-- Known answers on masks: connectivity, surface distances, interior points.
local ss = require "semisam"
local t = require "tests.lib.t"

-- A u8 volume of side n, 1 where inside(z, y, x) from 0.
local function volume(n, inside)
  local bytes = {}
  for z = 0, n - 1 do
    for y = 0, n - 1 do
      for x = 0, n - 1 do bytes[#bytes + 1] = inside(z, y, x) and "\1" or "\0" end
    end
  end
  return ss.frombytes(table.concat(bytes), "u8", { n, n, n })
end

local function cube(n, lo, hi, shift)
  return volume(n, function(z, y, x)
    z = z - (shift or 0)
    return z >= lo and z <= hi and y >= lo and y <= hi and x >= lo and x <= hi
  end)
end

local function ball(n, r)
  local c = (n - 1) / 2
  return volume(n, function(z, y, x) return (z - c) ^ 2 + (y - c) ^ 2 + (x - c) ^ 2 < r * r end)
end

local function points_on(mask, points)
  local seen, inside = points:totable(), mask:totable()
  for _, p in ipairs(seen) do
    t.eq(inside[math.tointeger(p[1]) + 1][math.tointeger(p[2]) + 1][math.tointeger(p[3]) + 1], 1)
  end
  return seen
end

t.test("two cubes touching at a corner", function()
  local m = volume(4, function(z, y, x) return (z < 2 and y < 2 and x < 2) or (z > 1 and y > 1 and x > 1) end)
  t.eq(math.max(table.unpack(m:connected_components():flat())), 2)
  t.eq(math.max(table.unpack(m:connected_components({ connectivity = "corner" }):flat())), 1)
  t.eq(m:largest_component():to("f32"):sum():item(), 8)
  t.eq(m:largest_component { connectivity = "corner" }:to("f32"):sum():item(), 16)
end)

t.test("surface distances of known shapes", function()
  local point = { 2, 2, 2 }
  local a = volume(8, function(z, y, x) return z == 2 and y == 2 and x == 2 end)
  local b = volume(8, function(z, y, x) return z == 5 and y == 6 and x == 2 end)
  t.eq(a:mask_box():totable(), { point, point })
  t.near(a:surface_distances(b):flat(), { 5, 5, 5, 5, 5, 5, 1, 1 })
  t.near(a:surface_distances(b, ss.tensor(0.5)):flat(), { 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 1, 1 })
  local d = cube(16, 2, 11):surface_distances(cube(16, 2, 11, 2)):flat()
  t.near({ d[1], d[2], d[3], d[5] }, { 2, 2, 0.688525, 0.688525 }, 1e-6)
  d = cube(16, 3, 12):surface_distances(cube(16, 2, 13)):flat()
  t.near({ d[1], d[2], d[3], d[5] }, { 1.414214, 1.414214, 1, 1.038161 }, 1e-6)
end)

t.test("surface distances of two balls", function()
  local a, b = ball(48, 12), ball(48, 15)
  t.eq(a:to("f32"):sum():item(), 7208)
  t.eq(b:to("f32"):sum():item(), 14328)
  local d = a:surface_distances(b):flat()
  t.near({ d[1], d[2], d[3], d[5] }, { 3.316625, 3.605551, 2.896243, 2.937091 }, 1e-6)
end)

t.test("interior points", function()
  local b = ball(20, 8)
  local c = 9.5
  for _, p in ipairs(points_on(b, b:interior_points(50, 7))) do
    t.ok((p[1] - c) ^ 2 + (p[2] - c) ^ 2 + (p[3] - c) ^ 2 < 5 ^ 2, "in the core of the ball")
  end
  local torus = volume(24, function(z, y, x)
    local r = math.sqrt((y - 11.5) ^ 2 + (x - 11.5) ^ 2) - 8
    return r * r + (z - 11.5) ^ 2 < 9
  end)
  points_on(torus, torus:interior_points(50, 8)) -- never in the hole
  local two = volume(24, function(z, y, x)
    return (z - 5) ^ 2 + (y - 5) ^ 2 + (x - 5) ^ 2 < 9 or (z - 15) ^ 2 + (y - 15) ^ 2 + (x - 15) ^ 2 < 25
  end)
  for _, p in ipairs(points_on(two, two:interior_points(20, 9))) do t.ok(p[1] > 10, "the bigger ball") end
  local one = volume(5, function(z, y, x) return z == 1 and y == 2 and x == 3 end)
  t.eq(one:interior_points(3, 1):totable(), { { 1, 2, 3 }, { 1, 2, 3 }, { 1, 2, 3 } })
  local none = volume(5, function() return false end)
  local nan = 0 / 0
  t.eq(none:interior_points(1, 1):totable(), { { nan, nan, nan } })
  t.eq(none:mask_box():totable(), { { nan, nan, nan }, { nan, nan, nan } })
  t.eq(none:surface_distances(none):flat(), { nan, nan, nan, nan, nan, nan, 0, 0 })
end)

t.test("the same key draws the same points, another key others", function()
  local b = ball(20, 8)
  t.eq(b:interior_points(5, 1):totable(), b:interior_points(5, 1):totable())
  t.ne(b:interior_points(5, 1):totable(), b:interior_points(5, 2):totable())
  local batch = ss.zeros({ 2, 20, 20, 20 }, { dtype = "u8" }):interior_points(2, 1)
  t.eq(batch.shape, { 2, 2, 3 })
end)

t.done()
