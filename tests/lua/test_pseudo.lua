-- Algorithm 2 of Semi-SAM+: known answers, spy generalists, prompts.
local t = require "tests.lib.t"
local ss = require "semisam"
local augment = require "semisam.data.augment"
local prompts = require "semisam.prompts"
local pseudo = require "semisam.pseudo"
local record = require "semisam.data.record"
local rng = require "semisam.rng"

local function map(values) return ss.tensor(values):reshape { 1, 1, 1, #values, 1 } end

local function filled(votes, u_th)
  local q = pseudo.queue()
  for _, v in ipairs(votes) do q:push(map(v)) end
  return q:finish { u_th = u_th }
end

-- A ball of radius r at (z, y, x) in a cube, as [1, n, n, n, 1] of 0/1.
local function ball(n, z, y, x, r)
  local v = {}
  for i = 0, n - 1 do
    for j = 0, n - 1 do
      for k = 0, n - 1 do
        v[#v + 1] = (i - z) ^ 2 + (j - y) ^ 2 + (k - x) ^ 2 < r * r and 1 or 0
      end
    end
  end
  return ss.tensor(v):reshape { 1, n, n, n, 1 }
end

local base = {
  n = 4, u_th = 0.05, augment = augment,
  geometry = { augment.flip { p = 0.5, axes = { "d", "h", "w" } }, augment.turn { p = 1 } },
}

local function with(changes)
  local o = {}
  for k, v in pairs(base) do o[k] = v end
  for k, v in pairs(changes or {}) do o[k] = v end
  return o
end

local function stream() return rng { seed = 3, epoch = 1, case = "a", purpose = "pseudo" } end

t.test("mean, population variance and the strict threshold", function()
  local votes = { { 1, 0.9 }, { 1, 0.8 }, { 1, 0.95 }, { 0, 0.85 } }
  local r = filled(votes, 0.05)
  t.near(r.mu:flat(), { 0.75, 0.875 }, 1e-6)
  t.near(r.var:flat(), { 0.1875, 0.003125 }, 1e-7)
  t.eq(r.conf:flat(), { 0.0, 1.0 })
  t.near(r.pseudo:flat(), { 0, 0.875 }, 1e-6)
  t.eq(filled(votes, 0.1875).conf:flat(), { 0.0, 1.0 }, "a variance equal to u_th is refused")
end)

t.test("thresholds that keep all or nothing are refused", function()
  for _, bad in ipairs { 0, -1, 0.2501, "0.1", 0 / 0 } do
    t.raises(function() pseudo.check_threshold(bad) end, "u_th: expected a variance in %(0, 0.25%]")
  end
  t.raises(function() pseudo.check_threshold { quantile = 0 } end, "quantile must be in")
  pseudo.check_threshold(0.25)
end)

t.test("eight votes with k ones", function()
  for k = 0, 8 do
    local votes = {}
    for i = 1, 8 do votes[i] = { i <= k and 1 or 0 } end
    t.near(filled(votes, 0.05).var:flat()[1], k / 8 * (1 - k / 8), 1e-7)
  end
end)

t.test("variance: bounded, independent of order, equal to two passes near 1", function()
  local n, votes = 1000, {}
  for i = 1, 6 do votes[i] = ss.uniform({ 1, 1, 1, n, 1 }, i, 0.999, 1) end
  local function run(order)
    local q = pseudo.queue()
    for _, i in ipairs(order) do q:push(votes[i]) end
    return q:finish { u_th = 0.05 }
  end
  local a, b = run { 1, 2, 3, 4, 5, 6 }, run { 6, 3, 1, 5, 2, 4 }
  t.near(a.mu:flat(), b.mu:flat(), 1e-6)
  t.near(a.var:flat(), b.var:flat(), 1e-9)
  local flat, mean2, var2 = {}, {}, {}
  for i = 1, 6 do flat[i] = votes[i]:flat() end
  for v = 1, n do
    local m, s = 0, 0
    for i = 1, 6 do m = m + flat[i][v] / 6 end
    for i = 1, 6 do s = s + (flat[i][v] - m) ^ 2 / 6 end
    mean2[v], var2[v] = m, s
  end
  t.near(a.mu:flat(), mean2, 1e-6)
  t.near(a.var:flat(), var2, 1e-9)
  for i = 1, 6 do votes[i] = ss.uniform({ 1, 1, 1, n, 1 }, 50 + i):gt(0.5):to("f32") end
  t.ok(run({ 1, 2, 3, 4, 5, 6 }).var:max():item() <= 0.25)
end)

t.test("where a warp brought nothing, a map does not count", function()
  local q = pseudo.queue()
  q:push(map { 1, 1, 0.5 }, map { 1, 1, 0 })
  q:push(map { 0.5, 0, 0.5 }, map { 1, 0, 0 })
  local r = q:finish { u_th = 0.25 }
  t.near(r.mu:flat(), { 0.75, 1, 0 }, 1e-6)
  t.eq(r.conf:flat(), { 1.0, 0.0, 0.0 }, "fewer than two maps are never trusted")
end)

-- The 48 symmetries of a cube as records: each set of flips with each permutation by turns.
local function symmetries(n)
  local out = {}
  local turns = {
    {}, { { "rot90", { dim1 = -4, dim2 = -3, k = 1 } } }, { { "rot90", { dim1 = -3, dim2 = -2, k = 1 } } },
    { { "rot90", { dim1 = -4, dim2 = -2, k = 1 } } },
    { { "rot90", { dim1 = -4, dim2 = -3, k = 1 } }, { "rot90", { dim1 = -3, dim2 = -2, k = 1 } } },
    { { "rot90", { dim1 = -3, dim2 = -2, k = 1 } }, { "rot90", { dim1 = -4, dim2 = -3, k = 1 } } },
  }
  for flips = 0, 7 do
    for _, turn in ipairs(turns) do
      local calls = {}
      for i = 0, 2 do
        if flips >> i & 1 == 1 then calls[#calls + 1] = { "flip", { dims = { -4 + i } } } end
      end
      table.move(turn, 1, #turn, #calls + 1, calls)
      out[#out + 1] = record.new(calls, { n, n, n })
    end
  end
  return out
end

t.test("all 48 symmetries are distinct and undone exactly", function()
  local x = ss.uniform({ 1, 4, 4, 4, 1 }, 5)
  local want, seen = x:flat(), {}
  for _, r in ipairs(symmetries(4)) do
    local y = r:apply(x)
    seen[table.concat(y:flat(), " ")] = true
    t.eq(r:inverse():apply(y):flat(), want)
  end
  local count = 0
  for _ in pairs(seen) do count = count + 1 end
  t.eq(count, 48)
end)

-- A generalist whose answer is a function of the image or of the prompt.
local function spy(answer)
  local s = { encoded = 0, decoded = 0, seen = {} }
  function s:encode(x)
    self.encoded = self.encoded + 1
    return x
  end
  function s:decode(x, prompt)
    self.decoded = self.decoded + 1
    self.seen[#self.seen + 1] = prompt.points and prompt.points:totable()[1] or false
    return answer(x, prompt)
  end
  return s
end

t.test("an equivariant generalist gives variance 0 and the answer without augmentation", function()
  local x, m = ss.uniform({ 1, 8, 8, 8, 1 }, 5), ball(8, 3, 4, 3, 2.6)
  local logits = (x - 0.5) * 8
  local want = logits:sigmoid():flat()
  local threshold = spy(function(seen) return (seen - 0.5) * 8 end)
  local all = symmetries(8)
  local at = 0
  local draws = { identity = augment.identity, draw = function()
    at = at + 1
    return all[at]
  end }
  local r = pseudo.label(x, m, { threshold },
    with { n = 48, augment = draws, identity_first = false, queue = { "mask" } }, stream())
  t.eq(r.var:max():item(), 0.0)
  t.eq(r.mu:flat(), want)
  local echo = spy(function(_, prompt) return prompt.mask end)
  r = pseudo.label(x, m, { echo }, with { queue = { "mask" } }, stream())
  t.eq(r.var:max():item(), 0.0)
  t.eq(r.mu:gt(0.5):to("f32"):flat(), m:flat())
end)

t.test("a generalist that ignores geometry is not trusted", function()
  local ramp = ss.arange(8):to("f32"):reshape { 1, 1, 1, 8, 1 }:expand { 1, 8, 8, 8, 1 }
  local stubborn = spy(function() return ramp * 2 - 7 end)
  local r = pseudo.label(ss.uniform({ 1, 8, 8, 8, 1 }, 5), ball(8, 3, 4, 3, 2.6), { stubborn },
    with { n = 8 }, stream())
  t.ok(r.var:max():item() > 0.05)
end)

t.test("a constant answer is the mean and trusted everywhere", function()
  local flat = spy(function(x) return x * 0 + 1.5 end)
  local r = pseudo.label(ss.uniform({ 1, 8, 8, 8, 1 }, 5), ball(8, 3, 4, 3, 2.6), { flat }, base, stream())
  t.near(r.mu:flat()[17], 1 / (1 + math.exp(-1.5)), 1e-6)
  t.eq(r.conf:mean():item(), 1.0)
end)

t.test("encode runs N K times, decode 2 N K times", function()
  local a, b = spy(function(x) return x end), spy(function(x) return x * 2 end)
  pseudo.label(ss.uniform({ 1, 8, 8, 8, 1 }, 5), ball(8, 3, 4, 3, 2.6), { a, b }, with { n = 3 }, stream())
  t.eq({ a.encoded, b.encoded, a.decoded, b.decoded }, { 3, 3, 6, 6 })
end)

t.test("without a prompt no generalist is asked and nothing is trusted", function()
  local a = spy(function(x) return x end)
  local x = ss.uniform({ 1, 8, 8, 8, 1 }, 5)
  for _, m in ipairs { ss.zeros { 1, 8, 8, 8, 1 }, ball(8, 3, 4, 3, 1.1) } do
    local r = pseudo.label(x, m, { a }, base, stream())
    t.eq(a.encoded + a.decoded, 0)
    t.eq(r.empty, 1)
    t.eq(r.conf:sum():item(), 0.0)
    local again = pseudo.unpack(pseudo.pack(r), 0.05)
    t.eq(again.conf:sum():item(), 0.0, "also out of the cache")
  end
end)

t.test("two classes: each has its own queue", function()
  local x = ss.uniform({ 1, 8, 8, 8, 1 }, 5)
  local m = ss.cat({ ball(8, 3, 4, 3, 2.6), ss.zeros { 1, 8, 8, 8, 1 } }, { dim = -1 })
  local a = spy(function(_, prompt) return prompt.mask or ss.zeros { 1, 8, 8, 8, 1 } end)
  local r = pseudo.label(x, m, { a }, with { queue = { "mask" } }, stream())
  t.eq(r.mu.shape, { 1, 8, 8, 8, 2 })
  t.eq(r.empty, 1)
  t.eq(r.conf:slice(-1, 2, 2):sum():item(), 0.0)
  t.eq(r.mu:slice(-1, 1, 1):gt(0.5):to("f32"):flat(), m:slice(-1, 1, 1):flat())
end)

t.test("points: inside the largest component, in its core, never in a hole", function()
  local n = 24
  local function check(mask, label, low)
    local inside = ss.distance_transform(mask:reshape { n, n, n })
    local deepest = inside:max():item()
    for seed = 1, 12 do
      local p = prompts.points(mask:reshape { n, n, n }, rng { seed = seed }):totable()[1]
      local d = inside:select(1, p[1] + 1):select(1, p[2] + 1):select(1, p[3] + 1):item()
      t.ok(d > 0, label .. ": outside")
      if low then t.ok(d > low * deepest - 1e-4, label .. ": near the edge") end
    end
  end
  check(ball(n, 11, 12, 10, 7), "ball", 0.5)
  local two = ball(n, 6, 6, 6, 5):maximum(ball(n, 18, 18, 18, 3))
  check(two, "two balls", 0.5)
  for seed = 1, 8 do
    local p = prompts.points(two:reshape { n, n, n }, rng { seed = seed }):totable()[1]
    t.ok(p[1] < 12, "the bigger ball")
  end
  local torus = {}
  for i = 0, n - 1 do
    for j = 0, n - 1 do
      for k = 0, n - 1 do
        local ring = math.sqrt((i - 11.5) ^ 2 + (j - 11.5) ^ 2) - 7
        torus[#torus + 1] = ring ^ 2 + (k - 11.5) ^ 2 < 9 and 1 or 0
      end
    end
  end
  check(ss.tensor(torus):reshape { 1, n, n, n, 1 }, "torus", 0.5)
  local one = ball(n, 5, 6, 7, 0.5)
  t.eq(prompts.points(one:reshape { n, n, n }, rng { seed = 1 }):totable(), { { 5.0, 6.0, 7.0 } })
end)

t.test("negative points and boxes", function()
  local m = ball(24, 11, 12, 10, 5):reshape { 24, 24, 24 }
  local at, labels = prompts.points(m, rng { seed = 1 }, { points = 2, negatives = 3 })
  t.eq(labels:flat(), { 1.0, 1.0, 0.0, 0.0, 0.0 })
  local outside = ss.distance_transform(m:eq(0))
  for i = 3, 5 do
    local p = at:totable()[i]
    local d = outside:select(1, p[1] + 1):select(1, p[2] + 1):select(1, p[3] + 1):item()
    t.ok(d >= 3 and d <= 6, ("negative point at distance %g"):format(d))
  end
  t.eq(prompts.box(m, rng { seed = 1 }, { jitter = 0 }):totable(), { { 7, 8, 6 }, { 15, 16, 14 } })
end)

t.test("the same names give the same pseudo-label; other names another", function()
  local x, m = ss.uniform({ 1, 8, 8, 8, 1 }, 5), ball(8, 3, 4, 3, 2.6)
  local function run(case)
    local a = spy(function(seen, prompt) return prompt.mask or seen end)
    local r = pseudo.label(x, m, { a }, base, rng { seed = 1, epoch = 4, case = case, purpose = "pseudo" })
    return r.mu:flat(), a.seen
  end
  local mu1, at1 = run "a"
  local mu2, at2 = run "a"
  local _, at3 = run "b"
  t.eq(mu1, mu2)
  t.eq(at1, at2)
  t.ne(at1, at3)
end)

t.test("a cached pseudo-label is the online one to a step of its bytes", function()
  local x, m = ss.uniform({ 1, 8, 8, 8, 1 }, 5), ball(8, 3, 4, 3, 2.6)
  local a = spy(function(seen, prompt) return prompt.mask or seen * 4 - 2 end)
  local r = pseudo.label(x, m, { a }, base, stream())
  local c = pseudo.unpack(pseudo.pack(r), 0.05)
  t.near(c.mu:flat(), r.mu:flat(), 0.5 / 255 + 1e-6)
  t.near(c.var:flat(), r.var:flat(), 0.5 / 1020 + 1e-6)
end)

t.test("rule R4", function()
  t.near(pseudo.jitter_rule(0.05, 0.3, 0.05), 0.0625)
  t.near(pseudo.jitter_rule(0.19, 0.3, 0.05), 0.20)
  t.near(pseudo.jitter_rule(0.1, 0.99, 0.05), 0.08)
  t.near(pseudo.jitter_rule(0.05, 0.99, 0.05), 0.05)
  t.near(pseudo.jitter_rule(0.1, 0.7, 0.05), 0.1)
end)

t.done()
