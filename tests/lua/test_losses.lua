-- Loss terms: known answers and gradients.
local t = require "tests.lib.t"
local ss = require "semisam"
local losses = require "semisam.losses"
local schedules = require "semisam.schedules"

local function row(values) return ss.tensor(values):reshape { 1, 1, 1, #values, 1 } end

t.test("L_rs-con: value and gradient", function()
  local p = row({ 0.1, 0.6 }):requires_grad_(true)
  local loss = losses.trusted(p, row { 0.75, 0.875 }, row { 0, 1 }, { balance = "none" })
  t.near(loss:item(), 0.075625, 1e-7)
  loss:backward()
  t.near(p.grad:flat(), { 0, -0.55 }, 1e-6)
end)

t.test("L_rs-con without a trusted voxel is 0 with zero gradient", function()
  for _, balance in ipairs { "none", "fg" } do
    local p = row({ 0.1, 0.6 }):requires_grad_(true)
    local loss = losses.trusted(p, row { 0.75, 0.875 }, row { 0, 0 }, { balance = balance })
    t.eq(loss:item(), 0.0)
    loss:backward()
    t.eq(p.grad:flat(), { 0.0, 0.0 })
  end
end)

t.test("balance fg: foreground and background weigh the same", function()
  -- one foreground voxel with error 0.5, four background ones with error 0.1
  local p = row { 0.5, 0.1, 0.1, 0.1, 0.1 }
  local mu, conf = row { 1, 0, 0, 0, 0 }, row { 1, 1, 1, 1, 1 }
  t.near(losses.trusted(p, mu, conf):item(), 0.5 * 0.25 + 0.5 * 0.01, 1e-6)
  t.near(losses.trusted(p, mu, conf, { balance = "none" }):item(), (0.25 + 4 * 0.01) / 5, 1e-6)
  -- one side empty: all the weight on the other
  t.near(losses.trusted(p, mu, row { 0, 1, 1, 0, 0 }):item(), 0.01, 1e-6)
  t.raises(function() losses.trusted(p, mu, conf, { balance = "roi" }) end, "balance is \"fg\" or \"none\"")
end)

t.test("L_rs-con is the mean over the volumes that have a trusted voxel", function()
  local function both(a, b) return ss.cat({ row(a), row(b) }, { dim = 1 }) end
  local p, mu = both({ 0.1, 0.6 }, { 0.3, 0.4 }), both({ 0.75, 0.875 }, { 1, 1 })
  local first = losses.trusted(row { 0.1, 0.6 }, row { 0.75, 0.875 }, row { 0, 1 },
    { balance = "none" }):item()
  t.near(losses.trusted(p, mu, both({ 0, 1 }, { 0, 0 }), { balance = "none" }):item(), first, 1e-7)
  local second = (0.49 + 0.36) / 2
  t.near(losses.trusted(p, mu, both({ 0, 1 }, { 1, 1 }), { balance = "none" }):item(),
    (first + second) / 2, 1e-6)
end)

t.test("soft Dice: perfect, empty, inverse, half", function()
  local y = row { 1, 1, 0, 0 }
  t.ok(losses.soft_dice(y, y):item() <= 1e-6)
  t.near(losses.soft_dice(row { 0, 0 }, row { 0, 0 }):item(), 0, 1e-6)
  t.near(losses.soft_dice(1 - y, y):item(), 1 - 1e-5 / (4 + 1e-5), 1e-6)
  t.near(losses.soft_dice(row { 0.5, 0.5, 0.5, 0.5 }, y):item(), 1 / 3, 1e-5)
end)

t.test("cross-entropy of undecided logits is ln 2, of one logit and of two", function()
  local label = row { 1, 0 }
  t.near(losses.cross_entropy(row { 0, 0 }, label):item(), math.log(2), 1e-6)
  t.near(losses.cross_entropy(ss.zeros { 1, 1, 1, 2, 2 }, label):item(), math.log(2), 1e-6)
end)

t.test("two channels of a softmax: their mean square is that of one", function()
  local a, b = ss.normal({ 1, 2, 2, 2, 2 }, 1):softmax(-1), ss.normal({ 1, 2, 2, 2, 2 }, 2):softmax(-1)
  local d = a - b
  local one = d:slice(-1, 2, 2)
  t.near((d * d):mean():item(), (one * one):mean():item(), 1e-7)
  t.near(losses.foreground(ss.normal({ 1, 2, 2, 2, 2 }, 1)):flat(), a:slice(-1, 2, 2):flat(), 1e-7)
end)

t.test("the total of the manual's formula", function()
  local lambda, beta = schedules.sigmoid(10, 10), 0.3 * schedules.exp_decay(10, 40)
  t.near(0.4 + lambda * 0.02 + beta * 0.05, 0.426303, 1e-6)
end)

-- Central differences of f at x against the gradient.
local function check_gradient(label, x, f, eps)
  x:requires_grad_(true)
  f(x):backward()
  local g, flat = x.grad:flat(), x:flat()
  eps = eps or 1e-3
  for i = 1, #flat do
    local function at(v)
      local copy = table.move(flat, 1, #flat, 1, {})
      copy[i] = v
      return f(ss.tensor(copy):reshape(x.shape)):item()
    end
    local numeric = (at(flat[i] + eps) - at(flat[i] - eps)) / (2 * eps)
    t.near(g[i], numeric, math.max(1e-3, 0.01 * math.abs(numeric)), ("%s, element %d"):format(label, i))
  end
end

t.test("gradients by central differences", function()
  local z = function() return ss.normal({ 1, 1, 2, 3, 1 }, 4) end
  local y = ss.tensor({ 1, 0, 0, 1, 1, 0 }):reshape { 1, 1, 2, 3, 1 }
  local other = ss.uniform({ 1, 1, 2, 3, 1 }, 9)
  check_gradient("supervised", z(), function(x) return losses.supervised(x, y) end)
  check_gradient("dice", z(), function(x) return losses.soft_dice(x:sigmoid(), y) end)
  check_gradient("plain dice", z(), function(x) return losses.soft_dice(x:sigmoid(), y, { plain = true }) end)
  for _, dist in ipairs { "mse", "ce", "kl", "dice" } do
    check_gradient(dist, z(), function(x) return losses.consistency(x:sigmoid(), other, dist) end)
  end
  for _, balance in ipairs { "fg", "none" } do
    check_gradient("trusted " .. balance, z(), function(x)
      return losses.trusted(x:sigmoid(), other, y, { balance = balance })
    end)
  end
  check_gradient("masked", z(), function(x) return losses.masked(x, y, other:gt(0.4):to("f32")) end)
  local two, fixed = ss.normal({ 1, 1, 2, 3, 2 }, 5), ss.normal({ 1, 1, 2, 3, 2 }, 6):softmax(-1)
  local function of_classes(label, f)
    check_gradient(label, ss.empty(two.shape):copy_(two), function(x) return f(x:softmax(-1)):mean() end)
  end
  of_classes("KL(p, q)", function(p) return losses.kl(p, fixed) end)
  of_classes("KL(q, p)", function(p) return losses.kl(fixed, p) end)
  of_classes("entropy", losses.entropy)
  check_gradient("masked, two classes", ss.empty(two.shape):copy_(two), function(x)
    return losses.masked(x, y, other:gt(0.4):to("f32"))
  end)
  check_gradient("steep sigmoid of a distance", z() * 1e-3, function(x)
    return require("semisam.methods.dtc").mask_of(x, 1500):mean()
  end, 1e-5)
end)

t.test("KL, both orders, of classes and of inside or not", function()
  local p = ss.tensor({ 0.2, 0.8, 0.5, 0.5 }):reshape { 1, 1, 1, 2, 2 }
  local q = ss.tensor({ 0.6, 0.4, 0.5, 0.5 }):reshape { 1, 1, 1, 2, 2 }
  local forward = 0.2 * math.log(0.2 / 0.6) + 0.8 * math.log(0.8 / 0.4)
  local back = 0.6 * math.log(0.6 / 0.2) + 0.4 * math.log(0.4 / 0.8)
  t.near(losses.kl(p, q):flat(), { forward, 0 }, 1e-5)
  t.near(losses.kl(q, p):flat(), { back, 0 }, 1e-5)
  local student, teacher = p:slice(-1, 2, 2), q:slice(-1, 2, 2)
  t.near(losses.consistency(student, teacher, "kl"):item(), back / 2, 1e-5)
  t.raises(function() losses.consistency(student, teacher, "l1") end, "mse, ce, kl or dice, got l1")
end)

t.test("entropy, sharpening, the likeliest class", function()
  local p = ss.tensor({ 0.5, 0.5, 0.1, 0.9, 1, 0 }):reshape { 1, 1, 1, 3, 2 }
  local want = { math.log(2), -0.1 * math.log(0.1) - 0.9 * math.log(0.9), 0 }
  t.near(losses.entropy(p):flat(), want, 1e-5)
  local s = losses.sharpen(p, 0.5):flat()
  t.near({ s[1], s[3], s[5] }, { 0.5, 0.01 / 0.82, 1 }, 1e-4)
  local label, confidence = losses.hard(p)
  t.eq(label:flat(), { 0.0, 1.0, 0.0 })
  t.near(confidence:flat(), { 0.5, 0.9, 1 }, 1e-6)
  local one = losses.probabilities(ss.zeros { 1, 1, 1, 2, 1 })
  t.eq(one:flat(), { 0.5, 0.5, 0.5, 0.5 })
end)

t.test("masked CE and Dice: only what is kept counts; nothing kept is 0 without NaN", function()
  local label, keep = row { 1, 0, 1, 0 }, row { 1, 1, 0, 0 }
  for _, c in ipairs { 1, 2 } do
    local z = ss.normal({ 1, 1, 1, 4, c }, 3):requires_grad_(true)
    local loss = losses.masked(z, label, keep)
    t.near(loss:item(), losses.supervised(z:slice(4, 1, 2), row { 1, 0 }):item(), 1e-6)
    loss:backward()
    local g = z.grad:flat()
    for i = 2 * c + 1, 4 * c do t.eq(g[i], 0.0) end
    local none = losses.masked(ss.normal({ 1, 1, 1, 4, c }, 3), label, keep * 0)
    t.eq(none:item(), 0.0)
  end
end)

t.test("signed distance: negative inside, 0 on the border, ends at -1 and 1", function()
  local y = ss.tensor({ 0, 0, 1, 1, 1, 1, 1, 0, 0 }):reshape { 1, 1, 1, 9, 1 }
  t.near(losses.signed_distance(y):flat(), { 1, 0.5, 0, -2 / 3, -1, -2 / 3, 0, 0.5, 1 }, 1e-6)
  t.eq(losses.signed_distance(y * 0):abs():max():item(), 0.0)
  t.eq(losses.signed_distance(y * 0 + 1):abs():max():item(), 0.0)
  local two = ss.cat({ y, 1 - y }, { dim = 5 })
  t.eq(losses.signed_distance(two):slice(-1, 1, 1):flat(), losses.signed_distance(y):flat())
end)

t.test("L_rs-con over the batch is one ratio; another target is followed where mu says", function()
  local function both(a, b) return ss.cat({ row(a), row(b) }, { dim = 1 }) end
  local p, mu = both({ 0.1, 0.6 }, { 0.3, 0.4 }), both({ 0.75, 0.875 }, { 1, 1 })
  local conf = both({ 0, 1 }, { 1, 1 })
  local whole = (0.275 ^ 2 + 0.49 + 0.36) / 3
  t.near(losses.trusted(p, mu, conf, { balance = "none", reduce = "batch" }):item(), whole, 1e-6)
  -- with a mask that all volumes share it is UA-MT's masked ratio over two channels
  local q, m2 = ss.cat({ 1 - p, p }, { dim = 5 }), ss.cat({ 1 - mu, mu }, { dim = 5 })
  local d = q - m2
  t.near((conf * d * d):sum():item() / (2 * conf:sum():item() + 1e-16), whole, 1e-6)
  local hard = losses.above_half(mu)
  t.near(losses.trusted(p, mu, conf, { balance = "none", reduce = "batch", target = hard }):item(),
    (0.16 + 0.49 + 0.36) / 3, 1e-6)
  t.raises(function() losses.trusted(p, mu, conf, { reduce = "mean" }) end, "reduce is")
end)

t.test("no gradient reaches the teacher's side", function()
  local teacher = row({ 0.2, 0.7 }):requires_grad_(true)
  local p = row({ 0.1, 0.6 }):requires_grad_(true)
  losses.consistency(p, teacher):backward()
  losses.trusted(p, teacher, row { 1, 1 }):backward()
  t.eq(teacher.grad, nil)
  t.ok(p.grad)
end)

t.done()
