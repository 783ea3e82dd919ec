-- The MedSAM2 volume predictor: the rules of a session.
local t = require "tests.lib.t"
local ss = require "semisam"
local S = require "tests.lib.small_medsam2"

local BOX, CLICK, DEPTH = S.BOX, S.CLICK, S.DEPTH
local session, sweep, difference = S.session, S.sweep, S.difference

t.test("a prompt is answered at the size of the volume, a pass follows it", function()
  local s <close> = session()
  t.eq(s:add_points(3, "cyst", BOX).shape, { 1, 40, 48, 1 })
  local order, by = sweep(s)
  t.eq(order, { 3, 4, 5, 6 })
  t.eq(by[6].shape, { 1, 40, 48, 1 })
  t.eq(sweep(s, { reverse = true }), { 3, 2, 1, 0 })
  t.eq(sweep(s, { start = 1, max = 2 }), { 1, 2, 3 })
  t.eq(sweep(s, { start = 0, reverse = true }), {})
  t.eq(s.slices.encoded, DEPTH)
end)

t.test("the same prompts give the same answers after reset()", function()
  local s <close> = session()
  s:add_points(3, 1, BOX)
  local _, a = sweep(s)
  s:reset()
  t.eq(s.objects, {})
  s:add_points(3, 1, BOX)
  local _, b = sweep(s)
  for z, logits in pairs(a) do t.eq(difference(logits, b[z]), 0) end
  t.eq(s.slices.encoded, DEPTH - 3)
end)

t.test("a second click adds to the first and sees its answer", function()
  local s <close> = session()
  local one = s:add_points(2, 1, { points = { { 20, 20 } }, labels = { 1 } })
  local two = s:add_points(2, 1, { points = { { 40, 5 } }, labels = { 0 }, clear = false })
  t.ok(difference(one, two) > 0)
  t.eq(#s.prompts[1].points[2].labels, 2)
  s:add_points(2, 1, { points = { { 40, 5 } }, labels = { 0 } })
  t.eq(#s.prompts[1].points[2].labels, 1)
end)

t.test("objects prompted on one slice are tracked as if alone", function()
  local other = { points = { { 33, 12 } }, labels = { 1 } }
  local both <close> = session()
  both:add_points(2, "a", BOX)
  t.eq(both:add_points(2, "b", other).shape, { 2, 40, 48, 1 })
  local _, joint = sweep(both)
  for row, prompt in ipairs { BOX, other } do
    local s <close> = session()
    s:add_points(2, "x", prompt)
    local _, alone = sweep(s)
    for z, logits in pairs(alone) do
      t.near(difference(joint[z]:slice(1, row, row), logits), 0, 2e-2) -- bf16 memories
    end
  end
end)

t.test("an object without prompts on a conditioning slice is absent there", function()
  local s <close> = session()
  s:add_points(2, "a", BOX)
  t.eq(s:add_points(4, "b", BOX):slice(1, 1, 1):max():item(), -1024)
  local _, by = sweep(s)
  t.eq(by[2]:slice(1, 2, 2):max():item(), -1024)
  t.eq(by[4]:slice(1, 1, 1):max():item(), -1024)
end)

t.test("a removed object leaves the others as they are", function()
  local s <close> = session()
  s:add_points(2, "a", BOX)
  s:add_points(2, "b", { points = { { 33, 12 } }, labels = { 1 } })
  local _, before = sweep(s)
  s:remove_object("a")
  s:remove_object("nobody")
  t.eq(s.objects, { "b" })
  local _, after = sweep(s)
  t.eq(difference(after[2], before[2]:slice(1, 2, 2)), 0)
  t.near(difference(after[5], before[5]:slice(1, 2, 2)), 0, 2e-2)
  s:remove_object("b")
  t.eq({ #s.objects, s.started }, { 0, false })
end)

-- Whether a correction on the conditioning slice after tracking is in the next pass.
local function correction_counts(opts)
  local s <close> = session(opts)
  s:add_points(3, 1, CLICK)
  local _, before = sweep(s)
  local wanted = s:add_points(3, 1, { points = { { 5, 35 } }, labels = { 1 } })
  local _, after = sweep(s)
  return difference(after[3], wanted) == 0, difference(after[3], before[3]) == 0
end

t.test("a correction on a conditioning slice is lost officially, kept otherwise", function()
  t.eq({ correction_counts() }, { false, true })
  t.eq({ correction_counts { add_all_frames_to_correct_as_cond = true } }, { true, false })
  t.eq({ correction_counts { official = false } }, { true, false })
end)

t.test("a correction on a tracked slice is what the next pass gives there", function()
  local s <close> = session()
  s:add_points(3, 1, CLICK)
  sweep(s)
  local wanted = s:add_points(5, 1, { points = { { 5, 35 } }, labels = { 0 } })
  t.ok(s.drafts[1].noncond[5])
  local _, after = sweep(s)
  t.eq(difference(after[5], wanted), 0)
end)

t.test("corrected rules: ends, counts, directions", function()
  local s <close> = session { official = false }
  s:add_points(0, 1, BOX)
  t.eq(sweep(s, { reverse = true }), { 0 })
  t.eq(sweep(s, { max = 2 }), { 0, 1 })
  t.eq(sweep(s, { max = 0 }), {})
  local a <close> = session { official = false }
  local b <close> = session { official = false }
  a:add_points(3, 1, BOX)
  b:add_points(3, 1, BOX)
  sweep(a)
  local _, after = sweep(a, { reverse = true })
  local _, alone = sweep(b, { reverse = true })
  t.eq(difference(after[1], alone[1]), 0)
end)

t.test("cleared prompts", function()
  local s <close> = session()
  s:add_points(2, 1, BOX)
  s:add_points(5, 1, BOX)
  sweep(s)
  s:clear_prompts(5, 1)
  t.eq({ s.bank.order, s.bank.noncond[5] ~= nil, s.tracked[5] }, { { 2 }, true, nil })
  t.eq(sweep(s), { 2, 3, 4, 5, 6 })
  t.eq(s:clear_prompts(2, 1):max():item(), -1024)
  t.eq({ #s.bank.order, next(s.bank.noncond), s.started }, { 0, nil, false })
  local o <close> = session()
  local c <close> = session { official = false }
  for _, one in ipairs { o, c } do
    one:add_points(2, 1, BOX)
    one:add_points(5, 1, BOX)
    one:clear_prompts(5, 1)
  end
  t.raises(function() o:propagate() end, "no prompts") -- officially both slices were cleared
  t.eq(sweep(c), { 2, 3, 4, 5, 6 })
end)

t.test("masks: given back as they were, replaced by clicks and the other way", function()
  local s <close> = session()
  local mask = ss.zeros { 40, 48 }
  mask:slice(1, 11, 30):slice(2, 13, 36):fill_(1)
  local logits = s:add_mask(1, 1, mask)
  t.ok((logits:reshape { 40, 48 }:gt(0):to("f32") - mask):abs():sum():item() < 90)
  s:add_points(1, 1, CLICK)
  t.eq({ s.prompts[1].masks[1], #s.prompts[1].points[1].labels }, { nil, 1 })
  s:add_mask(1, 1, mask)
  t.eq({ s.prompts[1].masks[1], s.prompts[1].points[1] }, { true, nil })
  t.eq(sweep(s), { 1, 2, 3, 4, 5, 6 })
end)

t.test("objects that must not overlap", function()
  local s <close> = session { non_overlap_masks = true }
  s:add_points(2, "a", BOX)
  s:add_points(2, "b", CLICK)
  for _, logits in s:propagate() do
    t.ok(logits:gt(0):sum { dims = { 1 } }:max():item() <= 1)
  end
end)

t.test("memories around a corrected slice can be dropped", function()
  local s <close> = session { clear_non_cond_mem_around_input = true }
  s:add_points(3, 1, CLICK)
  sweep(s)
  s:add_points(5, 1, CLICK)
  ss.no_grad(ss.scoped, require("semisam.models.medsam2_edit").settle, s)
  local left = {}
  for z in pairs(s.bank.noncond) do left[#left + 1] = z end
  t.eq(left, { 5 })
end)

t.test("a session ends without leaving anything", function()
  collectgarbage()
  collectgarbage()
  local n0 = ss.live()
  ss.scoped(function()
    local s <close> = session()
    s:add_points(2, "a", BOX)
    s:add_points(4, "b", BOX)
    sweep(s)
    s:add_points(5, "b", CLICK)
    sweep(s, { reverse = true })
    s:remove_object("a")
    s:clear_prompts(5, "b")
  end)
  t.eq(ss.live(), n0)
end)

t.test("wrong prompts are named and change nothing", function()
  local s <close> = session()
  local function refused(what, f, ...)
    local args = table.pack(...)
    t.raises(function() s[f](s, table.unpack(args, 1, args.n)) end, what)
  end
  refused("from 0 to 6, got 7", "add_points", 7, 1, BOX)
  refused("from 0 to 6, got %-1", "add_mask", -1, 1, ss.zeros { 4, 4 })
  refused("got 1.5", "add_points", 1.5, 1, BOX)
  refused("needs a name", "add_points", 1, nil, BOX)
  refused("needs points or a box", "add_points", 1, 1, {})
  refused('unknown prompt "boxes"', "add_points", 1, 1, { boxes = {} })
  refused("2 points but 1 labels", "add_points", 1, 1, { points = { { 1, 2 }, { 3, 4 } }, labels = { 1 } })
  refused("point 1 must be two finite", "add_points", 1, 1, { points = { { 1, 0 / 0 } }, labels = { 1 } })
  refused("label 1 must be 1", "add_points", 1, 1, { points = { { 1, 2 } }, labels = { 2 } })
  refused("x0 <= x1", "add_points", 1, 1, { box = { 9, 1, 3, 4 } })
  refused("four finite", "add_points", 1, 1, { box = { 1, 1, 1 / 0, 4 } })
  refused("{x0, y0, x1, y1}", "add_points", 1, 1, { box = { 1, 2, 3 } })
  refused("clear = false does not", "add_points", 1, 1, { box = { 1, 2, 3, 4 }, clear = false })
  refused("mask must be a tensor %[h,w%]", "add_mask", 1, 1, ss.zeros { 1, 4, 4 })
  refused("no prompts", "propagate")
  t.eq(#s.objects <= 1, true)
  s:reset()
  s:add_points(1, 1, BOX)
  sweep(s, { max = 0 })
  refused("new, but tracking has begun", "add_points", 1, 2, BOX)
  refused("from 0 to 6, got 9", "propagate", { start = 9 })
  refused("max must be", "propagate", { max = -1 })
  local step = s:propagate()
  s:reset()
  t.raises(step, "reset or lost an object")
  t.raises(function() session { fill_holes = 3 } end, 'unknown option "fill_holes"')
  t.raises(function() session { memory_dtype = "i8" } end, 'memory_dtype cannot be "i8"')
end)

t.done()
