-- How generalists are asked: kinds of prompts, where points come from, masks that are too small.
local t = require "tests.lib.t"
local ss = require "semisam"
local ask = require "semisam.ask"
local augment = require "semisam.data.augment"
local prompts = require "semisam.prompts"
local pseudo = require "semisam.pseudo"
local rng = require "semisam.rng"
local role = require "semisam.models.role"

local N = 12

local function ball(z, y, x, r)
  local v = {}
  for i = 0, N - 1 do
    for j = 0, N - 1 do
      for k = 0, N - 1 do v[#v + 1] = (i - z) ^ 2 + (j - y) ^ 2 + (k - x) ^ 2 < r * r and 1 or 0 end
    end
  end
  return ss.tensor(v):reshape { 1, N, N, N, 1 }
end

local function volume(x) return x:reshape { N, N, N } end

-- Keeps the prompts it was given; answers by a function of them.
local function spy(answer)
  local s = { seen = {} }
  function s.encode(_, x) return x end
  function s:decode(x, prompt)
    for _, value in pairs(prompt) do -- a round is a scope
      if type(value) == "userdata" then ss.keep(value) end
    end
    self.seen[#self.seen + 1] = prompt
    return answer and answer(x, prompt, #self.seen) or ss.zeros { 1, N, N, N, 1 }
  end
  return s
end

local function options(changes)
  local o = { n = 1, u_th = 0.05, augment = augment,
    geometry = { augment.flip { axes = { "d", "h", "w" } } } }
  for key, value in pairs(changes) do o[key] = value end
  return o
end

local function keys(prompt)
  local list = {}
  for key in pairs(prompt) do list[#list + 1] = key end
  table.sort(list)
  return table.concat(list, " ")
end

local function label(teacher, p, changes)
  return pseudo.label(ss.uniform({ 1, N, N, N, 1 }, 5), p, { teacher }, options(changes), rng { seed = 3 })
end

t.test("kinds of prompts", function()
  local s = spy()
  label(s, ball(5, 6, 5, 4), { queue = { "mask", "points", "box", "mix" }, points = 2, negatives = 1 })
  local got = {}
  for i, prompt in ipairs(s.seen) do got[i] = keys(prompt) end
  t.eq(got, { "mask", "labels points", "box", "labels mask points" })
  t.eq(s.seen[2].points.shape, { 3, 3 })
  t.eq(s.seen[2].labels:flat(), { 1.0, 1.0, 0.0 })
  t.eq(s.seen[1].mask:min():item(), -4.0)
  t.eq(s.seen[1].mask:max():item(), 4.0)
end)

t.test("the mask prompt as the student's logits", function()
  local s, p = spy(), ball(5, 6, 5, 4) * 0.2 + 0.4 -- 0.4 outside, 0.6 inside
  label(s, p, { queue = { "mask" }, mask_prompt = "logits", mask_logit = 3 })
  t.near(s.seen[1].mask:max():item(), math.log(0.6 / 0.4), 1e-5)
  t.near(s.seen[1].mask:min():item(), math.log(0.4 / 0.6), 1e-5)
  label(s, ball(5, 6, 5, 4), { queue = { "mask" }, mask_prompt = "logits", mask_logit = 3 })
  t.eq({ s.seen[2].mask:min():item(), s.seen[2].mask:max():item() }, { -3.0, 3.0 })
end)

t.test("boxes: tight, jittered, never inside out", function()
  local m = volume(ball(5, 6, 5, 3.5))
  t.eq(prompts.box(m, rng { seed = 1 }, { jitter = 0 }):totable(), { { 2, 3, 2 }, { 8, 9, 8 } })
  for seed = 1, 30 do
    local b = prompts.box(m, rng { seed = seed }, { jitter = 0.1 }):totable()
    for i = 1, 3 do
      t.near(b[1][i], ({ 2, 3, 2 })[i], 0.7 + 1e-6)
      t.near(b[2][i], ({ 8, 9, 8 })[i], 0.7 + 1e-6)
      t.ok(b[1][i] <= b[2][i])
    end
  end
  t.ne(prompts.box(m, rng { seed = 1 }, { jitter = 0.1 }):totable(),
    prompts.box(m, rng { seed = 2 }, { jitter = 0.1 }):totable())
  local mask = role.box_mask({ { 2, 3, 2 }, { 8, 9, 8 } }, { N, N, N }, 4, "cpu")
  t.eq(mask:gt(0):to("f32"):sum():item(), 343.0)
end)

t.test("points by confidence: as often as the probabilities say, only in the largest component", function()
  local weight, all = {}, 4000
  for i = 1, 8 do weight[i] = i % 4 == 0 and 0 or i end
  local at = prompts.weighted(ss.tensor(weight):reshape { 2, 2, 2 }, all, rng { seed = 1 }):totable()
  local count = {}
  for _, p in ipairs(at) do
    local i = math.tointeger(p[1] * 4 + p[2] * 2 + p[3]) + 1
    count[i] = (count[i] or 0) + 1
  end
  t.eq({ count[4], count[8] }, {})
  for _, i in ipairs { 1, 2, 3, 5, 6, 7 } do t.near(count[i] / all, i / 24, 0.03, "voxel " .. i) end
  local two = ball(3, 3, 3, 3):maximum(ball(9, 9, 9, 2))
  local p = two * 0.4 + ball(9, 9, 9, 2) * 0.2 -- the small one is surer
  for seed = 1, 10 do
    local point = prompts.points(volume(two), rng { seed = seed }, { points_by = "confidence" },
      volume(p)):totable()[1]
    t.ok((point[1] - 3) ^ 2 + (point[2] - 3) ^ 2 + (point[3] - 3) ^ 2 < 9)
  end
end)

t.test("points outside, a control: anywhere but in the mask, and called inside", function()
  local mask, far = ball(5, 6, 5, 4), 0
  for seed = 1, 20 do
    local at, sign = prompts.points(volume(mask), rng { seed = seed }, { points_by = "outside", points = 2 })
    t.eq(sign:flat(), { 1.0, 1.0 })
    for _, p in ipairs(at:totable()) do
      t.eq(mask[1][p[1] + 1][p[2] + 1][p[3] + 1][1]:item(), 0.0)
      if p[1] > 8 then far = far + 1 end
    end
  end
  t.ok(far > 3, far .. " of 40 points in the last quarter")
end)

t.test("clicks follow the error of the answer before", function()
  local truth = ball(5, 6, 5, 4)
  -- answers: nothing of it, then too much everywhere, then the truth
  local s = spy(function(_, _, k)
    if k == 1 then return ss.full({ 1, N, N, N, 1 }, -1) end
    if k == 2 then return ss.full({ 1, N, N, N, 1 }, 1) end
    return truth * 2 - 1
  end)
  local r = label(s, truth, { queue = { "clicks" }, clicks = 10 })
  t.eq(#s.seen, 3, "no error is left after the third")
  t.eq(s.seen[1].mask, nil)
  t.eq(s.seen[2].mask:max():item(), -1.0, "the answer before is the mask prompt")
  t.eq({ s.seen[1].labels:item(), s.seen[2].labels:item(), s.seen[3].labels:item() }, { 1.0, 1.0, 0.0 })
  local at = s.seen[3].points:totable()[1]
  t.eq(truth[1][at[1] + 1][at[2] + 1][at[3] + 1][1]:item(), 0.0, "a click on what is too much")
  t.eq(r.mu:gt(0.5):to("f32"):flat(), truth:flat())
  t.eq(prompts.click(volume(truth), volume(truth), rng { seed = 1 }, true), nil)
end)

t.test("a mask that is too small: skipped, or a click at the centre", function()
  local tiny = ball(5, 6, 5, 1.2)
  local s = spy(function(x) return x * 0 + 2 end)
  local r = label(s, tiny, { queue = { "mask", "points" } })
  t.eq({ #s.seen, r.empty, r.conf:sum():item(), r.union:sum():item() }, { 0, 1, 0.0, 0.0 })
  r = label(s, tiny, { queue = { "mask", "points" }, empty = "centre", n = 2 })
  t.eq(r.empty, 1, "counted all the same")
  t.eq({ #s.seen, keys(s.seen[1]) }, { 2, "labels points" })
  t.eq(s.seen[1].points:totable(), { { 5.0, 5.0, 5.0 } })
  t.eq(r.conf:mean():item(), 1.0)
  r = label(s, tiny, { queue = { "mask" }, min_voxels = 5 })
  t.eq(r.empty, 0)
end)

t.test("the union of the maps, dilated", function()
  local answers = { ball(4, 6, 6, 2.5), ball(8, 6, 6, 2.5) }
  local q = pseudo.queue()
  for _, a in ipairs(answers) do q:push(a) end
  local union = q:finish({ u_th = 0.05 }).union
  t.eq(union:flat(), answers[1]:maximum(answers[2]):flat())
  local one = ball(5, 6, 7, 0.5)
  t.eq(pseudo.dilate(one, 2):sum():item(), 125.0)
  t.eq(pseudo.dilate(one, 0):flat(), one:flat())
end)

t.test("words that mean nothing are refused", function()
  local right = { queue = { "mask" }, points_by = "core", mask_prompt = "mask", empty = "skip",
    vote = "soft", target = "mean", jitter = false }
  ask.check(right)
  for key, wrong in pairs { points_by = "edge", mask_prompt = "binary", empty = "guess", vote = "veto",
    target = "median", jitter = "maybe" } do
    local o = {}
    for k, v in pairs(right) do o[k] = v end
    o[key] = wrong
    t.raises(function() ask.check(o) end, "pseudo%." .. key .. " should be")
  end
  right.queue = { "mask", "scribble" }
  t.raises(function() ask.check(right) end,
    "queue should be one of box, clicks, mask, mix, points, got scribble")
  right.queue = {}
  t.raises(function() ask.check(right) end, "names no kind")
end)

t.test("a mask prompt on a coarser grid keeps its mean, positive inside", function()
  local m = ss.uniform({ 1, 16, 16, 16, 1 }, 3):gt(0.6):to("f32")
  local logits = prompts.mask_logits(m)
  local low = role.mask_on(logits, { 4, 4, 4 })
  t.near(low:mean():item(), logits:mean():item(), 1e-5)
  local half = ss.cat({ ss.ones { 1, 8, 16, 16, 1 }, ss.zeros { 1, 8, 16, 16, 1 } }, { dim = 2 })
  low = role.mask_on(prompts.mask_logits(half), { 4, 4, 4 }):reshape { 4, 4, 4 }:totable()
  t.eq({ low[1][1][1], low[2][3][2], low[3][1][1], low[4][4][4] }, { 4.0, 4.0, -4.0, -4.0 })
end)

t.done()
