-- The moving average: known answers 7 to 11 of the method.
local t = require "tests.lib.t"
local ss = require "semisam"
local nn, ema, optim = ss.nn, ss.ema, ss.optim

local function net_of(value)
  local net = nn.linear(1, 1, { bias = false })
  ss.no_grad(function() net.weight:fill_(value) end)
  return net
end

local function set(net, value) ss.no_grad(function() net.weight:fill_(value) end) end

t.test("0.99 towards a constant", function()
  local net = net_of(0)
  local average = ema.new(net, { alpha = 0.99 })
  set(net, 1)
  local want = { [1] = 0.010000, [69] = 0.500163, [100] = 0.633968, [230] = 0.900895,
    [460] = 0.990178 }
  for step = 1, 460 do
    average:update()
    if want[step] then t.near(average.net.weight:item(), want[step], 2e-6) end
  end
end)

t.test("warm start is the arithmetic mean", function()
  local net = net_of(123)
  local average = ema.new(net, { alpha = 0.99, warm = true })
  for n = 0, 98 do
    set(net, n)
    average:update()
    t.near(average.net.weight:item(), n / 2, 1e-4, "step " .. n)
  end
end)

t.test("the first warm step copies exactly", function()
  local net = net_of(0.1)
  local average = ema.new(net, { warm = true })
  set(net, 0.7)
  average:update()
  t.eq(average.net.weight:item(), net.weight:item())
end)

t.test("small differences move it", function()
  local net = net_of(1)
  local average = ema.new(net)
  set(net, 1.0001)
  local last = average.net.weight:item()
  for _ = 1, 5 do
    average:update()
    t.ok(average.net.weight:item() > last)
    last = average.net.weight:item()
  end
end)

t.test("no gradient reaches the average; only update() changes it", function()
  local net = nn.sequential(nn.linear(3, 4), nn.linear(4, 2))
  local average = ema.new(net)
  local opt = optim.sgd(net, { lr = 0.1 })
  local before = average.net["0"].weight:flat()
  for _ = 1, 10 do
    ss.scoped(function()
      local x = ss.ones { 2, 3 }
      local d = net(x) - average(x)
      opt:backward((d * d):sum() + net(x):sum())
      opt:step()
    end)
  end
  t.eq(average.net["0"].weight:flat(), before)
  t.eq(average.net["0"].weight.grad, nil)
  t.ne(net["0"].weight:flat(), before)
  average:update()
  t.ne(average.net["0"].weight:flat(), before)
end)

t.test("frozen parameters are shared, buffers averaged", function()
  local net = nn.sequential(nn.linear(2, 2), nn.batch_norm(2)):freeze("^0%.")
  local average = ema.new(net, { alpha = 0.5 })
  t.ok(rawequal(average.net["0"].weight, net["0"].weight))
  net:train()
  net(ss.tensor { { 1, 2 }, { 3, 4 } })
  t.eq(net["1"].num_batches_tracked:item(), 1)
  average:update()
  t.eq(average.net["1"].num_batches_tracked:item(), 1)
  local own, from = average.net["1"].running_mean:flat(), net["1"].running_mean:flat()
  t.near(own, { from[1] / 2, from[2] / 2 }, 1e-6)
  t.eq(average.net.training, false)
end)

t.test("state and freeze", function()
  local net = net_of(0)
  local a = ema.new(net, { warm = true })
  set(net, 1)
  for _ = 1, 7 do a:update() end
  local saved = a:state()
  local b = ema.new(net_of(0), { warm = true })
  b:load_state(saved)
  t.eq(b:alpha(), a:alpha())
  t.eq(b.net.weight:item(), a.net.weight:item())
  a:freeze()
  set(net, 9)
  t.eq(a:update(), false)
  t.eq(a.net.weight:item(), 1)
  t.raises(function() ema.new(net, { aplha = 0.5 }) end, "aplha")
end)

t.done()
