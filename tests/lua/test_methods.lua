-- Methods: their registry, and the pieces that several of them share.
local t = require "tests.lib.t"
local ss = require "semisam"
local methods = require "semisam.methods"
local rng = require "semisam.rng"
local views = require "semisam.methods.views"

t.test("every method loads; unknown ones and unknown options are named", function()
  for _, name in ipairs(methods.names) do
    local m = methods.new { name }
    t.eq(m.name, name)
    for _, call in ipairs { "build", "supervised", "terms", "after", "clash" } do
      t.eq(type(m[call]), "function", name .. "." .. call)
    end
  end
  t.eq(methods.new({ "uamt", passes = 2 }).options.passes, 2)
  t.raises(function() methods.new { "pi_model" } end,
    'no method is called "pi_model"; there are semi_sam_plus, uamt')
  t.raises(function() methods.new { "uamt", pases = 2 } end,
    'unknown option "pases", expected one of noise, passes')
  t.raises(function() methods.new { "uamt", passes = "many" } end, "must be a number")
end)

t.test("a box: its part of every side, anywhere inside", function()
  local seen = {}
  for seed = 1, 20 do
    local box = views.box({ 2, 9, 12, 6, 1 }, 2 / 3, rng { seed = seed })
    t.eq(box.shape, { 1, 9, 12, 6, 1 })
    t.eq(box:sum():item(), 6.0 * 8 * 4)
    local at = ss.mask_box(box:reshape { 9, 12, 6 }):totable()
    t.eq({ at[2][1] - at[1][1], at[2][2] - at[1][2], at[2][3] - at[1][3] }, { 5.0, 7.0, 3.0 })
    seen[table.concat(at[1], " ")] = true
  end
  local count = 0
  for _ in pairs(seen) do count = count + 1 end
  t.ok(count > 5, "boxes move")
end)

t.test("paste and CutMix mix images, labels and masks alike", function()
  local a, b = ss.uniform({ 2, 4, 4, 4, 1 }, 1), ss.uniform({ 2, 4, 4, 4, 1 }, 2)
  local box = views.box(a.shape, 0.5, rng { seed = 1 })
  local m, fa, fb, fm = box:expand(a.shape):flat(), a:flat(), b:flat(), views.paste(a, b, box):flat()
  for i = 1, #m do t.near(fm[i], m[i] == 1 and fb[i] or fa[i], 1e-6) end
  local mix = views.cutmix(a.shape, { p = 1, volume = { 0.2, 0.4 } }, rng { seed = 3 })
  local x, y = mix(a), mix(a:gt(0.5):to("f32"))
  t.eq(x:gt(0.5):to("f32"):flat(), y:flat())
  t.ne(x:flat(), a:flat())
  local off = views.cutmix(a.shape, { p = 0, volume = { 0.2, 0.4 } }, rng { seed = 3 })
  t.eq(off(a):flat(), a:flat())
  local alone = views.cutmix({ 1, 4, 4, 4, 1 }, { p = 1, volume = { 0.2, 0.4 } }, rng { seed = 3 })
  local one = a:slice(1, 1, 1)
  t.eq(alone(one):flat(), one:flat(), "a single volume has no partner")
end)

t.test("noise is clipped at two deviations", function()
  local d = views.noisy(ss.zeros { 1, 16, 16, 16, 1 }, 0.1, 5)
  t.near(d:abs():max():item(), 0.2, 1e-6)
  t.near(d:mean():item(), 0, 5e-3)
  t.near(d:square():mean():sqrt():item(), 0.096, 2e-3) -- of a normal clipped there
end)

t.test("AD-MT: where student and teachers disagree, the surer one decides", function()
  local settle = require("semisam.methods.ad_mt").settle
  local function column(...) return ss.tensor { { ... } }:reshape { 1, 5, 1 } end
  local label, sure = settle(column(0, 0, 1, 2, 1), column(0.9, 0.6, 0.7, 0.5, 0.8),
    column(0, 1, 0, 1, 1), column(0.95, 0.8, 0.6, 0.5, 0.9))
  -- agreed; the student surer; the teachers surer; both as sure: the teachers; agreed
  t.eq(label:flat(), { 0.0, 1.0, 1.0, 2.0, 1.0 })
  for i, want in ipairs { 0.9, 0.8, 0.7, 0.5, 0.8 } do t.near(sure:flat()[i], want, 1e-6) end
end)

t.test("AD-MT: turns alternate, are random and depend on seed and step alone", function()
  local turn = require("semisam.methods.ad_mt").turn
  local lengths, last, now = {}, nil, 0
  for step = 0, 199 do
    local who = turn(1, step, 7)
    t.ok(who == 1 or who == 2)
    if last and who ~= last then
      lengths[#lengths + 1], now = now, 0
    end
    last, now = who, now + 1
  end
  t.eq(turn(1, 0, 7), 1)
  local seen = {}
  for _, n in ipairs(lengths) do
    t.ok(n >= 1 and n <= 7, ("a turn of %d steps"):format(n))
    seen[n] = true
  end
  t.ok(#lengths > 30 and next(seen, next(seen)), "of different lengths")
  t.eq(turn(1, 57, 7), turn(1, 57, 7))
  for step = 0, 9 do t.eq(turn(1, step, 1), step % 2 + 1) end
end)

t.test("DTC: a steep sigmoid of the distance is the mask", function()
  local losses = require "semisam.losses"
  local y = ss.tensor({ 0, 0, 1, 1, 1, 1, 1, 0, 0 }):reshape { 1, 1, 1, 9, 1 }
  local p = require("semisam.methods.dtc").mask_of(losses.signed_distance(y), 1500):flat()
  t.near(p, { 0, 0, 0.5, 1, 1, 1, 0.5, 0, 0 }, 1e-6)
end)

t.done()
