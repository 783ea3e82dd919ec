-- Operations whose CUDA code promises the CPU's results bit for bit, on shapes that fill several blocks:
-- run by test_same.lua under several schedules. Prints what differs and "N passed, M failed".
local ss = require "semisam"
local ops = ss._ops

local passed, failed = 0, 0

---f(...) on the CPU and on the device.
local function same(name, f, ...)
  local here, there = table.pack(...), {}
  for i = 1, here.n do there[i] = type(here[i]) == "userdata" and here[i]:to("cuda") or here[i] end
  local want = f(table.unpack(here, 1, here.n))
  local got = ss.on("cuda", f, table.unpack(there, 1, here.n)):to("cpu")
  if got:bytes_string() == want:bytes_string() then
    passed = passed + 1
    return
  end
  failed = failed + 1
  local a, b, n, first = want:flat(), got:flat(), 0, nil
  for i = 1, #a do
    if a[i] ~= b[i] and (a[i] == a[i] or b[i] == b[i]) then n, first = n + 1, first or i end
  end
  print(("FAIL %s: %d of %d differ, the first at %d: want %.9g, got %.9g"):format(
    name, n, #a, first or 0, first and a[first] or 0, first and b[first] or 0))
end

local function noise(shape, key, lo, hi) return ops.uniform(shape, key, lo or 0, hi or 1) end
local function list(values, shape) return ss.tensor(values):reshape(shape) end

local function random(key)
  same("uniform", function() return ops.uniform({ 3001 }, key, -2, 3) end)
  same("normal", function() return ops.normal({ 5003 }, key, 1, 2) end)
  same("beta", function() return ops.beta({ 999 }, key, 0.4, 2.5) end)
  same("splitmix", function() return ops.splitmix({ 3001 }, key, 0.7, 0.1) end)
  same("permutation", function() return ops.permutation(20011, key) end)
  -- more tiles than blocks: a block sums several, one after the other
  same("permutation of many", function() return ops.permutation(150001, key) end)
end

local function augmentation(key)
  local x = noise({ 2, 9, 10, 11, 3 }, key)
  same("gaussian_blur", function(v) return ops.gaussian_blur(v, 1.3, 0.7, 2) end, x)
  same("add_noise", function(v) return ops.add_noise(v, key, 0.3) end, x)
  same("speckle", function(v) return ops.speckle(v, key, 0.3) end, x)
  same("gain_offset", function(v) return ops.gain_offset(v, 1.3, -0.2) end, x)
  same("cutout", ops.cutout, x, list({ 1, 2, 3, 4, 5, 6.5 }, { 2, 3 }))
  same("tgc_tilt", function(v) return ops.tgc_tilt(v, 0.7, "z") end, x)
  same("shadow", function(v) return ops.shadow(v, 3, 4, 2, 3, 1, 0.8, 0.1, 0.1, -0.2) end, x)
end

local function sampling(key)
  local x, dy = noise({ 2, 9, 10, 11, 3 }, key), noise({ 2, 14, 15, 16, 3 }, key + 1, -1, 1)
  local grid = noise({ 2, 14, 15, 16, 3 }, key + 2, -2, 11)
  local m = list({ 0.9, 0.2, -0.1, 0.3, -0.2, 1.1, 0.05, -1, 0.1, 0, 0.8, 0.6 }, { 3, 4 })
  for _, mode in ipairs { "linear", "nearest" } do
    for _, border in ipairs { "constant", "edge" } do
      local how = (" %s %s"):format(mode, border)
      for _, size in ipairs { false, 13 } do
        same("affine_sample" .. how,
          function(v, a) return ops.affine_sample(v, a, size or nil, mode, 0.5, border) end, x, m)
      end
      same("_affine_sample_dx" .. how,
        function(v, a) return ops._affine_sample_dx(v, a, { 8, 12, 9 }, mode, border) end, dy, m)
      same("grid_sample" .. how, function(v, p) return ops.grid_sample(v, p, mode, 0.5, border) end, x, grid)
      same("_grid_sample_dx" .. how,
        function(v, p) return ops._grid_sample_dx(v, p, { 4, 5, 6 }, mode, border) end, dy, grid)
    end
  end
  local img = noise({ 2, 30, 41, 3 }, key, 0, 255):to("u8")
  for _, size in ipairs { { 11, 64 }, { 30, 17 }, { 45, 41 }, { 30, 41 } } do
    same("resize_u8", function(v) return ops.resize_u8(v, size) end, img)
  end
end

-- Masks from sparse to dense: near 0.3 (faces) and 0.1 (corners) regions are largest and most winding.
local function masks(key, a, b, spacing)
  for _, near in ipairs { "face", "edge", "corner" } do
    same("connected_components " .. near, function(m) return ops.connected_components(m, near) end, a)
    same("largest_component " .. near, function(m) return ops.largest_component(m, near) end, a)
    same("fill_holes " .. near, function(m) return ops.fill_holes(m, near) end, a)
  end
  same("distance_transform", function(m) return ops.distance_transform(m) end, a)
  same("distance_transform with spacing", ops.distance_transform, a, spacing)
  same("interior_points", function(m) return ops.interior_points(m, 30, key) end, a)
  same("ring_points", function(m) return ops.ring_points(m, 40, key, 1, 2.5) end, a)
  same("mask_box", ops.mask_box, a)
  same("overlap", ops.overlap, a, b)
  same("surface_distances", ops.surface_distances, a, b, spacing)
end

local key <const> = 1
random(key)
augmentation(key)
sampling(key)
local spacing = noise({ 3 }, key, 0.3, 3)
for _, share in ipairs { 0.02, 0.1, 0.3, 0.6, 0.9 } do
  local v = noise({ 2, 11, 13, 37 }, key)
  masks(key, v:lt(share), noise({ 2, 11, 13, 37 }, key + 9):lt(share), spacing)
  same("fill_small_holes", function(x) return ops.fill_small_holes(x, 5) end,
    noise({ 2, 37, 41, 1 }, key, -share, 1 - share))
end
local smooth = ops.gaussian_blur(noise({ 29, 31, 37 }, key), 2)
masks(key, smooth:gt(0.51), smooth:gt(0.52), spacing)
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0, true)
