-- Optimisers against the update rules written out in doubles.
local t = require "tests.lib.t"
local ss = require "semisam"
local nn, optim = ss.nn, ss.optim

local function vector(values)
  local net = nn.linear(#values, 1, { bias = false })
  ss.no_grad(function() net.weight:copy_(ss.tensor { values }) end)
  return net
end

-- One step on the loss sum(g * w), whose gradient is g.
local function push(opt, net, g)
  return ss.scoped(function()
    opt:backward((net.weight * ss.tensor { g }):sum())
    return opt:step()
  end)
end

t.test("SGD with momentum, Nesterov and weight decay", function()
  for _, nesterov in ipairs { false, true } do
    local w, buf = { 1, -2, 0.5 }, { 0, 0, 0 }
    local net = vector(w)
    local opt = optim.sgd(net, { lr = 0.1, momentum = 0.9, nesterov = nesterov,
      weight_decay = 0.01 })
    for step = 1, 4 do
      local g = { step, -1, 0.25 }
      push(opt, net, g)
      for i = 1, 3 do
        local d = g[i] + 0.01 * w[i]
        buf[i] = 0.9 * buf[i] + d
        w[i] = w[i] - 0.1 * (nesterov and d + 0.9 * buf[i] or buf[i])
      end
      t.near(net.weight:flat(), w, 1e-5)
    end
  end
end)

t.test("AdamW", function()
  local w, m, v = { 1, -2 }, { 0, 0 }, { 0, 0 }
  local net = vector(w)
  local opt = optim.adamw(net, { lr = 0.01, weight_decay = 0.1 })
  for step = 1, 5 do
    local g = { 0.5 * step, -3 }
    push(opt, net, g)
    for i = 1, 2 do
      w[i] = w[i] * (1 - 0.01 * 0.1)
      m[i] = 0.9 * m[i] + 0.1 * g[i]
      v[i] = 0.999 * v[i] + 0.001 * g[i] ^ 2
      local mh, vh = m[i] / (1 - 0.9 ^ step), v[i] / (1 - 0.999 ^ step)
      w[i] = w[i] - 0.01 * mh / (math.sqrt(vh) + 1e-8)
    end
    t.near(net.weight:flat(), w, 1e-5)
  end
end)

t.test("parameters without a gradient are left alone", function()
  local net = nn.sequential(nn.linear(2, 2), nn.linear(2, 2))
  local opt = optim.adamw(net, { lr = 0.1, weight_decay = 0.5 })
  local before = net["1"].weight:flat()
  ss.scoped(function()
    opt:backward(net["0"](ss.ones { 1, 2 }):sum())
    opt:step()
  end)
  t.eq(net["1"].weight:flat(), before)
  t.eq(opt:state().numbers.per_parameter["1.weight"], 0)
  t.eq(opt:state().numbers.per_parameter["0.weight"], 1)
end)

t.test("groups and learning rates", function()
  local net = nn.sequential(nn.linear(1, 1, { bias = false }), nn.linear(1, 1, { bias = false }))
  ss.no_grad(function()
    net["0"].weight:fill_(1)
    net["1"].weight:fill_(1)
  end)
  local opt = optim.sgd(net, { lr = 0.1, groups = { { "^1%.", lr = 0.01 } } })
  opt:set_lr(0.2)
  ss.scoped(function()
    opt:backward((net["0"].weight + net["1"].weight):sum())
    opt:step()
  end)
  t.near(net["0"].weight:item(), 0.8, 1e-6)
  t.near(net["1"].weight:item(), 0.98, 1e-6)
end)

t.test("clipping by the total norm", function()
  local net = vector { 0, 0 }
  local opt = optim.sgd(net, { lr = 1, clip_norm = 1 })
  local _, info = push(opt, net, { 3, 4 })
  t.near(info.norm, 5, 1e-5)
  t.near(net.weight:flat(), { -0.6, -0.8 }, 1e-5)
  push(opt, net, { 0.3, 0.4 })
  t.near(net.weight:flat(), { -0.9, -1.2 }, 1e-5)
end)

t.test("two micro-batches are one batch of both", function()
  local a, b = vector { 1, 2 }, vector { 1, 2 }
  local one = optim.sgd(a, { lr = 0.1, momentum = 0.9 })
  local two = optim.sgd(b, { lr = 0.1, momentum = 0.9, accumulate = 2 })
  for _ = 1, 3 do
    push(one, a, { 2, 3 })
    t.eq((push(two, b, { 1, 2 })), false)
    t.eq((push(two, b, { 3, 4 })), true)
  end
  t.near(b.weight:flat(), a.weight:flat(), 1e-5)
  t.eq(two.steps, 3)
end)

t.test("loss scaling: skip, back-off, growth", function()
  local net = vector { 1 }
  local opt = optim.sgd(net, { lr = 0.1, loss_scale = { init = 8, interval = 2 } })
  t.eq((push(opt, net, { 1 })), true)
  t.near(net.weight:item(), 0.9, 1e-6)
  local stepped, info = push(opt, net, { math.huge })
  t.eq(stepped, false)
  t.eq(info.skipped, true)
  t.eq(opt.scale, 4)
  t.near(net.weight:item(), 0.9, 1e-6)
  push(opt, net, { 1 })
  push(opt, net, { 0 / 0 })
  t.eq(opt.scale, 2)
  push(opt, net, { 1 })
  push(opt, net, { 1 })
  t.eq(opt.scale, 4)
  t.near(net.weight:item(), 0.6, 1e-6)
  t.eq(opt.skipped, 2)
end)

t.test("resumed is bit-identical, also within an accumulation", function()
  for _, make in ipairs { optim.sgd, optim.adamw } do
    local opts = make == optim.sgd and { lr = 0.1, momentum = 0.9, accumulate = 2 }
      or { lr = 0.1, accumulate = 2 }
    local net, copy = vector { 1, 2, 3 }, vector { 0, 0, 0 }
    local opt = make(net, opts)
    for step = 1, 3 do push(opt, net, { step, 0.1, -1 / 3 }) end
    local saved = opt:state()
    local other = make(copy, opts)
    copy:load_state(net:state())
    other:load_state(saved)
    for step = 4, 9 do
      push(opt, net, { step, 0.7, 1e-3 })
      push(other, copy, { step, 0.7, 1e-3 })
    end
    t.eq(copy.weight:flat(), net.weight:flat())
    t.eq(other.steps, opt.steps)
  end
end)

t.test("what is refused", function()
  t.raises(function() optim.sgd(vector { 1 }, { momentun = 0.9 }) end, "momentun")
  t.raises(function() optim.sgd(vector({ 1 }):freeze(), {}) end, "no parameter that wants")
  local sgd, adam = optim.sgd(vector { 1 }, {}), optim.adamw(vector { 1 }, {})
  t.raises(function() sgd:load_state(adam:state()) end, "state of adamw cannot be loaded into sgd")
end)

t.done()
