-- Preprocessing and its inverse, sampling, augmentation.
local t = require "tests.lib.t"
local ss = require "semisam"
local augment = require "semisam.data.augment"
local preprocess = require "semisam.data.preprocess"
local rng = require "semisam.rng"
local sampler = require "semisam.data.sampler"

local AFFINE = { { 0.5, 0, 0, -3 }, { 0, 0.5, 0, 2 }, { 0, 0, 0.5, 1 }, { 0, 0, 0, 1 } }

local function image(path, size, key)
  ss.nifti_write(path, ss.uniform(size or { 6, 5, 4 }, key or 1, 0, 100), { affine = AFFINE })
end

local function label(path, size, affine)
  local x = ss.uniform(size or { 6, 5, 4 }, 2):gt(0.7):to("u8")
  ss.nifti_write(path, x, { affine = affine or AFFINE })
end

local function settings(changes)
  local o = {}
  for k, v in pairs(preprocess.DEFAULTS) do o[k] = v end
  for k, v in pairs(changes or {}) do o[k] = v end
  return o
end

t.test("normalisation: a ramp exactly, a constant to 0", function()
  local ramp = ss.arange(5):to("f32"):reshape { 5, 1, 1, 1 }
  t.eq(preprocess.normalise(ramp, settings()):flat(), { 0, 0.25, 0.5, 0.75, 1.0 })
  for _, kind in ipairs { "minmax", "percentile", "zscore" } do
    local y = preprocess.normalise(ss.full({ 3, 3, 3, 1 }, 7), settings { normalise = kind })
    t.eq({ y:min():item(), y:max():item() }, { 0.0, 0.0 }, kind)
  end
  local z = preprocess.normalise(ss.uniform({ 4, 4, 4, 1 }, 1), settings { normalise = "zscore" })
  t.near(z:mean():item(), 0, 1e-5)
  t.near((z * z):mean():item(), 1, 1e-4)
  t.raises(function() preprocess.normalise(ramp, settings { normalise = "ct" }) end, "normalise is minmax")
end)

t.test("image and label that do not match are refused with both values", function()
  local dir = t.tmpdir()
  image(dir .. "/i.nii")
  label(dir .. "/small.nii", { 6, 5, 3 })
  label(dir .. "/moved.nii", nil, { { 0.5, 0, 0, -3 }, { 0, 0.5, 0, 9 }, { 0, 0, 0.5, 1 }, { 0, 0, 0, 1 } })
  local function read(name)
    return preprocess.case({ image = dir .. "/i.nii", channels = { dir .. "/i.nii" },
      label = dir .. "/" .. name }, settings())
  end
  t.raises(function() read "small.nii" end, "6x5x4 voxels.*6x5x3")
  t.raises(function() read "moved.nii" end, "different places.*row 2 column 4: 2 and 9")
end)

t.test("a 4-D label: one channel of it; labels beyond the classes are refused", function()
  local dir = t.tmpdir()
  image(dir .. "/i.nii")
  local two = ss.cat({ ss.zeros { 1, 6, 5, 4 }, ss.full({ 1, 6, 5, 4 }, 2) }, { dim = 1 }):to("u8")
  ss.nifti_write(dir .. "/l.nii", two, { affine = AFFINE })
  local function read(changes)
    return preprocess.case({ image = dir .. "/i.nii", channels = { dir .. "/i.nii" },
      label = dir .. "/l.nii" }, settings(changes)).label:to("f32"):mean():item()
  end
  t.eq(read(), 0.0)
  t.eq(read { label_channel = 2 }, 1.0)
  t.eq(read { label_channel = 2, classes = 3 }, 2.0)
  t.raises(function() read { label_channel = 2, classes = 2 } end, "holds label 2.*classes = 2 allows 0 to 1")
  t.raises(function() read { label_channel = 3 } end, "2 channels, channel 3")
end)

t.test("crop and pad: every size comes back voxel for voxel", function()
  for _, n in ipairs { 100, 127, 128, 129, 300 } do
    local size = { n, 3, 5 }
    local x = ss.uniform({ n, 3, 5, 1 }, n)
    local grid = preprocess.grid(size, { 1, 1, 1 }, settings { size = { 128, 4, 4 } })
    local y = preprocess.forward(x, grid, "linear")
    t.eq(y.shape, { 128, 4, 4, 1 })
    local back = preprocess.backward(y, grid)
    t.eq(back.shape, x.shape)
    -- kept voxels are equal, cut ones are 0
    local kept = preprocess.backward(preprocess.forward(ss.ones(x.shape), grid, "nearest"), grid, "nearest")
    t.eq((back - x * kept):abs():max():item(), 0.0)
    t.eq(kept:sum():item(), math.min(n, 128) * 3 * 4)
  end
end)

t.test("resampling keeps a linear ramp linear and the volume of a ball", function()
  local n = 20
  local grid = preprocess.grid({ n, n, n }, { 1, 1, 1 }, settings { spacing = 0.5 })
  t.eq(grid.size, { 40, 40, 40 })
  local ramp = ss.arange(n):to("f32"):reshape { n, 1, 1, 1 }:expand { n, n, n, 1 }
  local y = preprocess.forward(ramp, grid, "linear"):select(2, 20):select(2, 20):flat()
  for i = 3, 38 do t.near(y[i], (i - 0.5) / 2 - 0.5, 1e-5) end
  local ball = {}
  for z = 0, n - 1 do
    for yy = 0, n - 1 do
      for x = 0, n - 1 do
        ball[#ball + 1] = (z - 9.5) ^ 2 + (yy - 9.5) ^ 2 + (x - 9.5) ^ 2 < 49 and 1 or 0
      end
    end
  end
  local b = ss.tensor(ball):reshape { n, n, n, 1 }
  local fine = preprocess.forward(b, grid, "nearest"):sum():item() / 8
  t.near(fine / b:sum():item(), 1, 0.01)
end)

t.test("the header's wrong spacing can be replaced", function()
  local o = settings { spacing = 1.6, true_spacing = 1.6 }
  t.eq(preprocess.grid({ 41, 59, 44 }, { 0.4, 0.4, 0.4 }, o).resampled, { 41, 59, 44 })
end)

t.test("two streams: every case equally often", function()
  local a = sampler.stream(5, { seed = 1, purpose = "labelled", batch = 2, drop_last = true })
  local b = sampler.stream(12, { seed = 1, purpose = "unlabelled", batch = 2 })
  t.eq(a:batches(), 2)
  local drawn, first = {}, {}
  for step = 0, 11 do
    for _, s in ipairs(a:at(step)) do first[s.index] = (first[s.index] or 0) + 1 end
    for _, s in ipairs(b:at(step)) do drawn[s.index] = (drawn[s.index] or 0) + 1 end
  end
  t.eq(drawn, { 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2 })
  local sum = 0
  for _, k in pairs(first) do sum = sum + k end
  t.eq(sum, 24)
  local c = sampler.stream(4, { seed = 1, purpose = "labelled", batch = 2, drop_last = true })
  local count = { 0, 0, 0, 0 }
  for step = 0, 9 do
    for _, s in ipairs(c:at(step)) do count[s.index] = count[s.index] + 1 end
  end
  t.eq(count, { 5, 5, 5, 5 })
  t.eq(sampler.stream(12, { seed = 1, purpose = "unlabelled", batch = 2 }):at(7)[2].index, b:at(7)[2].index,
    "a position needs no history")
  t.eq(#sampler.stream(1, { seed = 1, purpose = "labelled", batch = 2, drop_last = true }):at(0), 2)
end)

local SHAPE = { 6, 5, 6 }

t.test("geometry is undone exactly and shared by image, label and points", function()
  local list = { augment.flip { axes = { "d", "h", "w" } }, augment.turn { p = 1 } }
  local x = ss.uniform({ 1, 6, 5, 6, 1 }, 3)
  local mark = ss.zeros { 6, 5, 6 }:flat()
  mark[(4 * 5 + 1) * 6 + 2 + 1] = 1
  mark = ss.tensor(mark):reshape { 1, 6, 5, 6, 1 }
  for seed = 1, 24 do
    local r = augment.draw(list, rng { seed = seed }, SHAPE)
    t.eq(r:inverse():apply(r:apply(x)):flat(), x:flat())
    t.ok(r.exact)
    local p = r:points { { 4, 1, 2 } }[1]
    local moved = r:apply(mark, "label")
    t.eq(moved.shape, { 1, r:size_after()[1], r:size_after()[2], r:size_after()[3], 1 })
    t.eq(moved:select(2, p[1] + 1):select(2, p[2] + 1):select(2, p[3] + 1):item(), 1.0)
  end
end)

t.test("a turn keeps the beam, and a half turn is all where sides differ", function()
  for seed = 1, 12 do
    local r = augment.draw({ augment.turn { p = 1 } }, rng { seed = seed }, { 6, 5, 4 })
    t.eq(r.calls[1][2].k, 2)
    t.eq({ r.calls[1][2].dim1, r.calls[1][2].dim2 }, { -4, -2 })
  end
end)

t.test("crops come back to their place", function()
  local x = ss.uniform({ 1, 6, 5, 6, 1 }, 3)
  local r = augment.draw({ augment.crop { size = { 4, 5, 3 } } }, rng { seed = 4 }, SHAPE)
  local y = r:apply(x)
  t.eq(y.shape, { 1, 4, 5, 3, 1 })
  local back = r:inverse():apply(y)
  t.eq((back - x * r:validity()):abs():max():item(), 0.0)
  t.eq(r:validity():sum():item(), 60.0)
end)

t.test("an affine warp of a ball and back", function()
  local n = 32
  local v = {}
  for z = 0, n - 1 do
    for y = 0, n - 1 do
      for x = 0, n - 1 do
        v[#v + 1] = (z - 15.5) ^ 2 + (y - 13) ^ 2 + (x - 17) ^ 2 < 64 and 1 or 0
      end
    end
  end
  local ball = ss.tensor(v):reshape { 1, n, n, n, 1 }
  local r = augment.draw({ augment.affine { p = 1, degrees = 20, scale = 0.05 } }, rng { seed = 5 },
    { n, n, n })
  local back = r:inverse():apply(r:apply(ball)):gt(0.5):to("f32")
  local dice = 2 * (back * ball):sum():item() / (back:sum():item() + ball:sum():item())
  t.ok(dice > 0.97, ("Dice %g"):format(dice))
  -- a label warped as a label agrees with the warped image, thresholded, but for its surface
  local a, b = r:apply(ball, "label"), r:apply(ball):gt(0.5):to("f32")
  local differ, surface = (a - b):abs():sum():item(), 4 * math.pi * 64
  t.ok(differ < 0.15 * surface, ("%g of %.0f surface voxels differ"):format(differ, surface))
end)

t.test("intensity: limits, determinism, one draw does not move another", function()
  local all = { augment.contrast {}, augment.noise { p = 1 }, augment.speckle { p = 1 },
    augment.blur { p = 1 }, augment.tgc { p = 1 }, augment.shadow { p = 1 }, augment.cutout { p = 1 } }
  local x = ss.uniform({ 1, 8, 8, 8, 1 }, 3)
  local r = augment.draw(all, rng { seed = 4 }, { 8, 8, 8 })
  local y = r:apply(x)
  t.ok(y:min():item() >= 0 and y:max():item() <= 1)
  t.eq(y:flat(), augment.draw(all, rng { seed = 4 }, { 8, 8, 8 }):apply(x):flat())
  t.ne(y:flat(), augment.draw(all, rng { seed = 5 }, { 8, 8, 8 }):apply(x):flat())
  local alone = augment.draw({ augment.contrast {} }, rng { seed = 4 }, { 8, 8, 8 })
  t.eq(alone.calls[1], r.calls[1])
end)

t.test("a Lua function is an augmentation too", function()
  local r = augment.draw({ function(x) return x * 2 end }, rng { seed = 1 }, SHAPE)
  t.eq(r:apply(ss.ones { 1, 2, 2, 2, 1 }):sum():item(), 16.0)
end)

t.test("misspelt options are refused", function()
  t.raises(function() augment.flip { q = 1 } end, "unknown option \"q\"")
  t.raises(function() augment.flip { axes = { "x" } } end, "axes are \"d\", \"h\", \"w\", got x")
  t.eq(tostring(augment.flip {}), "aug.flip{axes = {d, w}, p = 0.5}")
end)

t.done()
