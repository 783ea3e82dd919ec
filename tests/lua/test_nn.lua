-- Modules: names, order, state, freezing, copies, scopes, initial values, dropout.
local t = require "tests.lib.t"
local ss = require "semisam"
local nn = ss.nn

local Net = nn.module {
  name = "net",
  init = function(self)
    self:parameter("scale", ss.ones { 3 })
    self:buffer("seen", ss.zeros { 1 })
    self.blocks = nn.list { nn.linear(3, 4), nn.linear(4, 3) }
    self.head = nn.sequential(nn.linear(3, 2), ss.neg, nn.linear(2, 1))
  end,
  forward = function(self, x)
    x = x * self.scale
    for _, b in ipairs(self.blocks:children()) do x = b(x) end
    return self.head(x)
  end,
}

t.test("names and order", function()
  local net, names = Net(), {}
  for name in net:named_parameters() do names[#names + 1] = name end
  t.eq(names, { "scale", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias",
    "head.0.weight", "head.0.bias", "head.2.weight", "head.2.bias" })
  t.eq(net:state()[2], "seen")
  t.eq(#net:parameters(), 9)
  local all, trained = net:count()
  t.eq({ all, trained }, { 3 + 16 + 15 + 8 + 3, 3 + 16 + 15 + 8 + 3 })
  t.match(tostring(net), "net: 45 parameters, 45 trained, f32, training")
end)

t.test("same seed, same weights; bounds of torch", function()
  nn.seed(7)
  local a = nn.linear(16, 8)
  nn.seed(7)
  local b, c = nn.linear(16, 8), nn.linear(16, 8)
  t.eq(a.weight:flat(), b.weight:flat())
  t.ne(a.weight:flat(), c.weight:flat())
  local largest = 0
  for _, v in ipairs(a.weight:flat()) do largest = math.max(largest, math.abs(v)) end
  t.ok(largest <= 0.25 and largest > 0.2)
  local k = nn.conv3d(4, 8, 3)
  for _, v in ipairs(k.bias:flat()) do t.ok(math.abs(v) <= 1 / math.sqrt(108)) end
  t.eq(k.weight.shape, { 8, 4, 3, 3, 3 })
  t.eq(nn.conv_transpose3d(4, 8, 2, { stride = 2 }).weight.shape, { 4, 8, 2, 2, 2 })
end)

t.test("load_state names what does not fit and changes nothing", function()
  local net = Net()
  local before = net.scale:flat()
  local state = {}
  for name, value in net:named_parameters() do state[name] = ss.zeros(value.shape) end
  state["head.0.bias"], state.seen, state.other = ss.zeros { 5 }, nil, ss.zeros { 1 }
  t.raises(function() net:load_state(state) end,
    "missing %(1%): seen.*not wanted %(1%): other.*head%.0%.bias is f32%[2%], got f32%[5%]")
  t.eq(net.scale:flat(), before)
  state["head.0.bias"] = ss.zeros { 2 }
  t.eq(net:load_state(state, { strict = false }), { missing = { "seen" }, extra = { "other" } })
  t.eq(net.scale:flat(), { 0, 0, 0 })
end)

t.test("freeze by pattern", function()
  local net = Net():freeze("^blocks%.")
  local all, trained = net:count()
  t.eq(all - trained, 31)
  t.eq(net.blocks["0"].weight.requires_grad, false)
  net:unfreeze("^blocks%.0")
  t.eq(net.blocks["0"].weight.requires_grad, true)
  t.eq(net.blocks["1"].weight.requires_grad, false)
  net(ss.ones { 2, 3 }):sum():backward()
  t.eq(net.blocks["1"].weight.grad, nil)
  t.ok(net.blocks["0"].weight.grad)
end)

t.test("a call is a scope", function()
  local net = Net()
  local outer
  local Leaky = nn.module {
    name = "leaky",
    init = function(self) self.net = net end,
    forward = function(self, x)
      outer = x + 1
      return self.net(outer)
    end,
  }
  local y = Leaky()(ss.ones { 1, 3 })
  t.eq(y.shape, { 1, 1 })
  t.raises(function() return outer:item() end, "scope")
end)

t.test("clone: own trained tensors, shared frozen ones", function()
  local net = Net():freeze("^blocks%.")
  local copy = net:clone()
  ss.no_grad(function() net.scale:fill_(5) end)
  t.eq(copy.scale:flat(), { 1, 1, 1 })
  t.ok(rawequal(copy.blocks["0"].weight, net.blocks["0"].weight))
  t.eq(copy.scale.requires_grad, false)
end)

t.test("train and eval reach every module", function()
  local net = Net():eval()
  t.eq(net.head["0"].training, false)
  t.eq(net:train().head["0"].training, true)
end)

t.test("compute type", function()
  local net = Net():to("bf16")
  local y = net.blocks["0"](ss.ones { 2, 3 })
  t.eq(y.dtype, "bf16")
  t.eq(net.blocks["0"].weight.dtype, "f32")
  t.eq(Net():to("f32").blocks["0"](ss.ones { 2, 3 }).dtype, "f32")
end)

t.test("dropout is counted", function()
  local drop = nn.dropout(0.5)
  local x = ss.ones { 64 }
  t.raises(function() drop(x) end, "set_key")
  nn.set_key(11)
  local a, b = drop(x):flat(), drop(x):flat()
  t.ne(a, b)
  nn.set_key(11)
  t.eq(drop(x):flat(), a)
  t.eq(drop(x):flat(), b)
  nn.set_key(11)
  local p = ss.ones({ 64 }):requires_grad_(true)
  local y = nn.checkpoint(function(v) return drop(v) * drop(v) end, p)
  local between = drop(x):flat()
  y:sum():backward()
  local both, want = y:flat(), {}
  for i = 1, 64 do
    t.near(both[i], a[i] * b[i], 1e-6)
    want[i] = 2 * both[i]
  end
  t.near(p.grad:flat(), want, 1e-6)
  nn.set_key(11)
  drop(x)
  drop(x)
  t.eq(drop(x):flat(), between)
  nn.set_key(nil)
  t.eq(drop:eval()(x):flat(), x:flat())
end)

t.test("any number of tensors side by side", function()
  local list, want = {}, {}
  for i = 1, 100 do list[i], want[i] = ss.full({ 1 }, i), i end
  t.eq(nn.cat(list, 1):flat(), want)
  t.eq(#list, 100)
  t.ok(rawequal(nn.cat({ list[1] }, 1), list[1]))
end)

t.test("options are checked", function()
  t.raises(function() nn.linear(2, 2, { bais = false }) end, 'unknown option "bais"')
  t.raises(function() nn.conv3d(2, 2, 3, { upsample = { 1, 2 } }) end,
    'option "upsample" must be a positive integer or 3 of them, got 1, 2')
  t.raises(function() nn.conv2d(2, 2, 3, { upsample = 0 }) end, 'or 2 of them, got 0')
  t.raises(function() nn.conv2d(2, 2, 3, { upsample = true }) end, 'or 2 of them, got true')
  t.raises(function() nn.conv2d(2, 2, 3, { upsample = { 2, false } }) end, 'got 2, false')
  t.raises(function() nn.conv3d(4, 8, 3, { pad = 1, upsample = 2 })(ss.zeros { 1, 4, 4, 4, 3 }) end,
    "conv3d: expected x with 4 channels")
  t.raises(function() nn.conv3d(4, 8, 3, { pad = 1, upsample = 2 })(ss.zeros { 4, 4, 4 }) end,
    "conv3d: expected x with 5 axes")
  t.raises(function() ss.models.new { "unet4d" } end, 'unknown network "unet4d"')
  t.raises(function() ss.models.new { "unet3d", bass = 4 } end, 'unknown option "bass"')
end)

-- y and the gradients of x, weight and bias.
local function trained(net, x, forward)
  net:zero_grad()
  local leaf = x:copy():requires_grad_(true)
  local y = forward(leaf)
  y:backward(ss.normal(y.shape, 9):to(y.dtype))
  return { y:detach(), leaf.grad, net.weight.grad, net.bias and net.bias.grad }
end

t.test("a convolution of an upsampled x is that of the enlarged x", function()
  for i, c in ipairs {
    { "conv3d", { 1, 5, 9, 8, 16 }, 3, { pad = 1, upsample = { 1, 2, 2 } } }, -- nine terms
    { "conv3d", { 1, 3, 9, 8, 16 }, 3, { pad = 1, upsample = 2 } },
    { "conv3d", { 2, 3, 4, 5, 3 }, 3, { pad = 1, upsample = { 1, 2, 2 } } },
    { "conv3d", { 1, 3, 4, 5, 3 }, 3, { pad = 1, upsample = 2 } },
    { "conv3d", { 1, 3, 4, 5, 4 }, { 1, 3, 5 }, { upsample = { 2, 1, 3 }, bias = false } },
    { "conv3d", { 1, 4, 4, 5, 4 }, 3, { upsample = 2, stride = 2, groups = 2 } },
    { "conv2d", { 2, 7, 6, 3 }, 3, { pad = 1, upsample = 2 } },
    { "conv2d", { 2, 3, 4, 3 }, 2, { pad = 3, upsample = 2 } }, -- more padding than kernel
  } do
    local net = nn[c[1]](c[2][#c[2]], 10, c[3], c[4])
    local axes, size = #c[2] - 2, {}
    local x = ss.normal(c[2], i)
    for a = 1, axes do size[a] = net.upsample[a] * x:size(a + 1) end
    local function enlarged(v)
      v = v:resize(size, { mode = "nearest" })
      return v[c[1]](v, net.weight, net.bias, net.opts)
    end
    local got, want = trained(net, x, net), trained(net, x, enlarged)
    for k, w in pairs(want) do
      local off = (got[k] - w):abs():max():item()
      t.ok(off <= 2e-6 * w:abs():max():item(), ("case %d, result %d is off by %g"):format(i, k, off))
    end
    net:freeze()
    for _ = 1, 2 do -- the second time from what was kept
      local y = ss.no_grad(net, x)
      t.ok((y - want[1]):abs():max():item() <= 2e-6 * want[1]:abs():max():item(), "frozen " .. i)
    end
  end
end)

t.test("meta counts a convolution of an upsampled x as the processor takes it", function()
  local peaks = {}
  for i, device in ipairs { "cpu", "meta" } do
    local net = nn.conv3d(16, 16, 3, { pad = 1, upsample = { 1, 2, 2 } }):to(device)
    local x = ss.on(device, ss.zeros, { 1, 16, 16, 16, 16 })
    ss.reset_peak(device)
    local before = ss.memory(device).peak
    net(x)
    peaks[i] = ss.memory(device).peak - before
  end
  t.eq(peaks[1], peaks[2])
end)

t.done()
