-- Resampling: ramps stay ramps, balls survive a turn and back, images and labels move together.
local ss = require "semisam"
local t = require "tests.lib.t"

local function volume(n, f)
  local bytes = {}
  for z = 0, n - 1 do
    for y = 0, n - 1 do
      for x = 0, n - 1 do bytes[#bytes + 1] = string.pack("<f", f(z, y, x)) end
    end
  end
  return ss.frombytes(table.concat(bytes), "f32", { n, n, n })
end

local function ball(n, r)
  local c = (n - 1) / 2
  return volume(n, function(z, y, x)
    return (z - c) ^ 2 + (y - c) ^ 2 + (x - c) ^ 2 < r * r and 1 or 0
  end)
end

-- Turn by `degrees` about x through the centre of a volume of side n.
local function turn(n, degrees)
  local a, c = math.rad(degrees), (n - 1) / 2
  local co, si = math.cos(a), math.sin(a)
  return ss.tensor {
    { co, -si, 0, c - co * c + si * c }, { si, co, 0, c - si * c - co * c }, { 0, 0, 1, 0 },
  }
end

local function dice(a, b)
  local n = a:overlap(b):flat()
  return 2 * n[1] / (2 * n[1] + n[2] + n[3])
end

t.test("a ramp resampled to half the spacing is the same ramp", function()
  local x = volume(10, function(z, y, k) return 2 * z - y + 0.5 * k end)
  local half = ss.tensor { { 0.5, 0, 0, -0.25 }, { 0, 0.5, 0, -0.25 }, { 0, 0, 0.5, -0.25 } }
  local y = x:affine_sample(half, { size = 20, border = "edge" }):totable()
  for z = 2, 18 do
    for v = 2, 18 do
      for k = 2, 18 do
        local want = 2 * ((z - 1) / 2 - 0.25) - ((v - 1) / 2 - 0.25) + 0.5 * ((k - 1) / 2 - 0.25)
        t.near(y[z][v][k], want, 1e-5)
      end
    end
  end
end)

t.test("a ball keeps its volume at half the spacing", function()
  local half = ss.tensor { { 0.5, 0, 0, -0.25 }, { 0, 0.5, 0, -0.25 }, { 0, 0, 0.5, -0.25 } }
  local small = ball(40, 14)
  local large = small:affine_sample(half, { size = 80, border = "edge" }):gt(0.5):to("f32")
  t.near(large:sum():item() / 8 / small:sum():item(), 1, 0.01)
end)

t.test("a ball turned by 20 degrees and back", function()
  local b = ball(48, 12)
  local there = b:affine_sample(turn(48, 20)):gt(0.5):to("f32")
  local back = there:affine_sample(turn(48, -20)):gt(0.5)
  t.ok(dice(back, b) >= 0.97)
end)

t.test("identity and whole shifts are exact", function()
  local x = ss.normal({ 7, 8, 9 }, 1)
  local id = ss.tensor { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } }
  t.eq(x:affine_sample(id):bytes_string(), x:bytes_string())
  local shift = ss.tensor { { 1, 0, 0, 2 }, { 0, 1, 0, 0 }, { 0, 0, 1, -1 } }
  local y, v = x:affine_sample(shift, { outside = 5 }):totable(), x:totable()
  t.eq(y[1][1][2], v[3][1][1])
  t.eq(y[1][1][1], 5.0)
  t.eq(y[6][1][2], 5.0)
end)

t.test("image and label get the same geometry", function()
  local b = ball(40, 13)
  local m = turn(40, 17)
  local image, label = b:affine_sample(m):gt(0.5), b:to("u8"):affine_sample(m, { mode = "nearest" })
  local n = image:overlap(label):flat()
  local surface = label:surface_distances(label):flat()[7]
  t.ok((n[2] + n[3]) / surface < 0.35, "they differ in a part of the surface voxels only")
  t.ok(dice(image, label) > 0.97)
end)

t.test("positions that are no numbers read the outside", function()
  local x = ss.ones { 1, 2, 2, 2, 1 }
  local grid = ss.tensor { { { { { 0 / 0, 0, 0 }, { 1e30, 0, 0 }, { 0, 0, 0 } } } } }
  t.eq(x:grid_sample(grid, { outside = -7 }):flat(), { -7.0, -7.0, 1.0 })
end)

t.done()
