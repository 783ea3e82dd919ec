-- MedSAM2 on volumes: what a slice remembers, slices, whole volumes, the generalist.
local t = require "tests.lib.t"
local ss = require "semisam"
local rng = require "semisam.rng"
local pseudo = require "semisam.pseudo"
local bank = require "semisam.models.medsam2_bank"
local prep = require "semisam.models.medsam2_prep"
local slices = require "semisam.models.medsam2_slices"
local video = require "semisam.models.medsam2_video"
local volume = require "semisam.models.medsam2_volume"
local S = require "tests.lib.small_medsam2"

local NET, BOX, DEPTH = S.NET, S.BOX, S.DEPTH
local make, images, sweep, difference = S.make, S.images, S.sweep, S.difference

-- ---- the bank ---------------------------------------------------------------------

local function filled(cond, noncond)
  local b = bank.new()
  for _, z in ipairs(cond) do b:put("cond", z, { low = ss.full({ 1 }, z) }) end
  for _, z in ipairs(noncond) do b:put("noncond", z, { low = ss.full({ 1 }, z) }) end
  return b
end

-- "slice:row .." and "slice@distance .."
local function chosen(b, z, o)
  local all = { slices = 40, reverse = false, maps = 7, stride = 1, most = -1, pointers = 16,
    past = true, signed = true }
  for key, value in pairs(o or {}) do all[key] = value end
  local spatial, pointers = b:choose(z, all)
  for i, one in ipairs(spatial) do
    spatial[i] = ("%d:%d"):format(one.entry.low:item(), one.row)
  end
  for i, one in ipairs(pointers) do
    pointers[i] = ("%d@%d"):format(one.entry.low:item(), one.distance)
  end
  return table.concat(spatial, " "), table.concat(pointers, " ")
end

t.test("a slice attends to conditioning slices and to the six before it", function()
  local b = filled({ 12, 3, 20 }, { 4, 5, 8, 10, 11, 13 })
  t.eq({ chosen(b, 12) }, { "12:6 3:6 20:6 8:3 10:1 11:0", "12@0 3@9 11@1 10@2 8@4 5@7 4@8" })
  t.eq({ chosen(b, 9, { reverse = true }) },
    { "12:6 3:6 20:6 13:3 11:1 10:0", "12@3 20@11 10@1 11@2 13@4" })
  t.eq(select(2, chosen(b, 12, { pointers = 3 })), "12@0 3@9 11@1 10@2")
  t.eq(select(2, chosen(b, 12, { pointers = 0 })), "")
  t.eq(select(2, chosen(b, 12, { past = false, pointers = 1 })), "12@0 3@9 20@-8")
  t.eq(select(2, chosen(b, 12, { past = false, signed = false, pointers = 1 })), "12@0 3@9 20@8")
end)

t.test("a short volume shortens the reach of the pointers", function()
  local b = filled({ 0 }, { 1, 2, 3, 4 })
  t.eq(select(2, chosen(b, 5, { slices = 4 })), "0@5")
  t.eq(select(2, chosen(b, 3, { slices = 3 })), "0@3 2@1 1@2")
end)

t.test("memories at a stride", function()
  local b = filled({ 0 }, { 4, 8, 9, 10, 12, 13, 16, 20 })
  t.eq((chosen(b, 14, { stride = 4, maps = 4 })), "0:3 8:2 12:1 13:0")
  t.eq((chosen(b, 11, { stride = 4, maps = 4, reverse = true })), "0:3 20:2 16:1 12:0")
end)

t.test("few conditioning slices: the nearest on both sides, then by distance", function()
  local b = filled({ 30, 2, 9, 14, 17 }, {})
  t.eq({ chosen(b, 14, { most = 2 }) }, { "9:6 14:6", "9@5 14@0 2@12" })
  t.eq((chosen(b, 15, { most = 3 })), "14:6 17:6 9:6")
end)

-- ---- slices ---------------------------------------------------------------------------

t.test("bytes are the normalised values of the official scripts", function()
  local x = ss.tensor({ 0, 255, 128 }):to("u8"):reshape { 1, 1, 3, 1 }
  local y = prep.normalise(x)
  t.eq(y.shape, { 1, 1, 3, 3 })
  t.near(y:flat()[1], -0.485 / 0.229, 1e-6)
  t.near(y:flat()[6], (1 - 0.406) / 0.225, 1e-6)
  t.near(difference(y, prep.normalise(x:to("f32"))), 0, 1e-6)
end)

t.test("windows of intensities", function()
  local x = ss.tensor { -1000, 0, 10, 20, 30, 3000 }
  t.eq(prep.to_u8(x, { -100, 100 }):flat(), { 0, 127, 140, 153, 165, 255 })
  t.eq(prep.to_u8(x, "minmax"):flat(), { 0, 63, 64, 65, 65, 255 })
  t.eq(prep.to_u8(x:abs(), "percentile"):flat()[2], 0)
  t.eq(prep.to_u8(ss.zeros { 5 }, "percentile"):flat(), { 0, 0, 0, 0, 0 })
  t.raises(function() prep.to_u8(x, "bone") end, 'window must be "minmax"')
  t.raises(function() prep.to_u8(x, { 3, 1 }) end, "low <= high")
end)

t.test("a slice is encoded once, within the bytes allowed", function()
  local bytes = slices.code_bytes(NET)
  local source = slices.new(NET, images(), 100 * bytes)
  local first = source:code(2, 1, DEPTH - 1)
  t.eq(source.encoded, DEPTH - 2) -- all that the pass will want fit at once
  t.eq(source:code(2), first)
  t.eq(source.bytes, bytes * (DEPTH - 2))
  local feature = first.feature:copy()
  local tight = slices.new(NET, images(), 2 * bytes)
  for z = 0, DEPTH - 1 do tight:code(z) end
  t.eq({ tight.encoded, tight.bytes }, { DEPTH, 2 * bytes })
  t.near(difference(tight:code(2).feature, feature), 0, 1e-5)
  t.eq(tight.encoded, DEPTH + 1)
  source:close()
  tight:close()
  t.raises(function() slices.new(NET, ss.zeros { 2, 8, 8, 3 }, 0) end, "%[d,64,64,3%] normalised")
end)

-- ---- volumes ----------------------------------------------------------------------------

local function scan(d, h, w) return ss.uniform({ 1, d, h, w, 1 }, 8) end

t.test("a volume: forward, reset, the same prompt, backward, union", function()
  local x = scan(6, 40, 48)
  local mask = volume.segment(NET, x, { box = { 8, 10, 28, 30 }, slice = 2 })
  t.eq({ mask.shape, mask.dtype }, { { 1, 6, 40, 48, 1 }, "u8" })
  local s <close> = video.new(NET, volume.slices(NET, x, "minmax"), { height = 40, width = 48 })
  s:add_points(2, 1, BOX)
  local _, by = sweep(s)
  s:reset()
  s:add_points(2, 1, BOX)
  local _, back = sweep(s, { reverse = true })
  for z = 0, 5 do
    local want = (z >= 2 and by or back)[z]:gt(0):to("f32")
    t.eq(difference(mask:to("f32"):select(2, z + 1), want), 0)
  end
end)

t.test("prompts of a volume", function()
  local x = scan(6, 40, 48)
  local function plan(prompt) return volume.plan(prompt, 6) end
  local box = plan { box = ss.tensor { { 1, 8, 10 }, { 4, 28, 30 } } }
  t.eq({ box.low, box.high, box.first[1].z, box.first[1].box }, { 1, 4, 2, { 10, 8, 30, 28 } })
  t.eq(plan({ box = { 8, 10, 28, 30 } }).first[1].z, 3)
  local clicks = plan { points = { { 2, 5, 6 }, { 4, 7, 8 }, { 2, 9, 9 } }, labels = { 1, 0, 0 } }
  t.eq({ #clicks.first, clicks.first[1].points, clicks.later[1].z }, { 1, { { 6, 5 }, { 9, 9 } }, 4 })
  t.eq(#plan({ points = { { 2, 5, 6 } }, labels = { 0 } }).first, 1)
  local mask = ss.zeros { 6, 40, 48 }
  mask:slice(1, 2, 2):slice(2, 1, 4):fill_(1)
  mask:slice(1, 4, 4):slice(2, 1, 9):fill_(1)
  t.eq(plan({ mask = mask }).first[1].z, 3)
  local seg = volume.segment(NET, x, { box = { { 1, 8, 10 }, { 3, 28, 30 } } })
  t.eq(seg:select(2, 1):sum():item() + seg:slice(2, 5, 6):sum():item(), 0)
  t.raises(function() plan {} end, "needs points, a box or a mask")
  t.raises(function() plan { mask = ss.zeros { 6, 4, 4 } } end, "mask prompt is empty")
  t.raises(function() plan { mask = ss.ones { 5, 4, 4 } } end, "%[h,w%] or %[6,h,w%]")
  t.raises(function() plan { points = { { 6, 1, 1 } }, labels = { 1 } } end, "slice 6, outside 0..5")
  t.raises(function() plan { box = { { 4, 1, 1 }, { 2, 3, 3 } } } end, "ends before")
  t.raises(function() plan { bbox = {} } end, 'unknown prompt "bbox"')
end)

t.test("several objects of a volume, refined and cleaned", function()
  local x = scan(5, 40, 48)
  local prompts = { { box = { 8, 10, 28, 30 }, slice = 2 },
    { points = { { 1, 12, 33 }, { 3, 20, 20 } }, labels = { 1, 0 } } }
  local mask = volume.segment(NET, x, prompts, { recist = true, largest = true })
  t.eq(mask.shape, { 1, 5, 40, 48, 2 })
  t.ok(mask:slice(5, 1, 1):reshape({ 5, 40, 48 }):connected_components("corner"):max():item() <= 1)
  t.eq(difference(mask:slice(5, 1, 1):to("f32"),
    volume.segment(NET, x, prompts[1], { recist = true, largest = true }):to("f32")), 0)
end)

-- ---- the generalist -----------------------------------------------------------------------

t.test("a generalist: logits at the resolution of the input, per volume", function()
  local x = ss.uniform({ 2, 4, 24, 30, 1 }, 4) * 50 - 10
  local mask = ss.full({ 1, 4, 24, 30, 1 }, -4)
  mask:slice(2, 3, 3):slice(3, 6, 18):slice(4, 8, 22):fill_(4)
  local code = NET:encode(NET:prepare(x))
  local y = NET:decode(code, { { points = ss.tensor { { 1, 12, 12 } }, labels = ss.ones { 1 } },
    { mask = mask } })
  t.eq(y.shape, { 2, 4, 24, 30, 1 })
  local overlap = y:slice(1, 2, 2):slice(2, 3, 3):gt(0):to("f32")
  local want = mask:slice(2, 3, 3):gt(0):to("f32")
  t.ok(2 * (overlap * want):sum():item() / (overlap:sum():item() + want:sum():item()) > 0.95)
  local single = NET:decode(NET:encode(NET:prepare(x:slice(1, 1, 1))), { points = { { 1, 12, 12 } },
    labels = { 1 } })
  t.eq(difference(single, y:slice(1, 1, 1)), 0)
  local none = NET:decode(code, { { mask = mask - 10 }, { mask = mask } })
  t.eq(none:slice(1, 1, 1):max():item(), -1024)
  t.eq(NET:decode(code, { { mask = mask, points = { { 2, 3, 3 }, { 0, 9, 9 } }, labels = { 1, 0 } },
    { mask = mask } }).shape, y.shape)
end)

t.test("first_k: the mask's first slices are the memory", function()
  local x = ss.uniform({ 1, 8, 24, 24, 1 }, 4)
  local mask = ss.full({ 1, 8, 24, 24, 1 }, -4)
  mask:slice(2, 2, 3):slice(3, 6, 18):slice(4, 8, 18):fill_(4) -- the first slice is empty
  local net = make { mask_prompt = "first_k" }
  local y = net:decode(net:encode(x), { mask = mask })
  t.eq(y.shape, { 1, 8, 24, 24, 1 })
  local want = mask:gt(0):to("f32")
  t.eq(net.config.num_maskmem - 1, 2) -- a slice that was given is answered by itself
  t.eq(y:slice(2, 1, 1):gt(0):to("f32"):sum():item(), 0)
  local a, b = y:slice(2, 2, 2):gt(0):to("f32"), want:slice(2, 2, 2)
  t.ok(2 * (a * b):sum():item() / (a:sum() + b:sum()):item() > 0.95)
  t.ok(y:slice(2, 3, 8):abs():max():item() < 1024, "the others are tracked")
  local other = make {}
  t.ok(difference(y, other:decode(other:encode(x), { mask = mask })) > 0, "another memory")
  t.raises(function() make { mask_prompt = "last" } end, 'mask_prompt must be "mask", "box" or')
end)

t.test("a generalist's pseudo-label leaves nothing behind", function()
  local augment = require "semisam.data.augment"
  local x = ss.uniform({ 1, 4, 24, 24, 1 }, 4)
  local coarse = ss.zeros { 1, 4, 24, 24, 1 }
  coarse:slice(2, 2, 3):slice(3, 6, 18):slice(4, 8, 18):fill_(1)
  collectgarbage()
  collectgarbage()
  local n0 = ss.live()
  ss.scoped(function()
    local out = pseudo.label(x, coarse, { NET }, { n = 2, u_th = 0.05, augment = augment,
      geometry = {} }, rng { seed = 1 })
    t.eq(out.mu.shape, { 1, 4, 24, 24, 1 })
  end)
  t.eq(ss.live(), n0)
end)

t.test("a square survives the way to 512 x 512 and back", function()
  local net = make { image_size = 512 }
  local mask = ss.full({ 1, 1, 128, 128, 1 }, -4)
  mask:slice(3, 41, 80):slice(4, 33, 72):fill_(4)
  local code = net:encode(ss.uniform({ 1, 1, 128, 128, 1 }, 2))
  local back = net:decode(code, { mask = mask }):gt(0):to("f32")
  local want = mask:gt(0):to("f32")
  t.ok(2 * (back * want):sum():item() / (back:sum():item() + want:sum():item()) >= 0.98)
end)

t.done()
