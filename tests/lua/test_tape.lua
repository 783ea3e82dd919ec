-- The tape: recording, backward, accumulation, freezing, checkpointing, in-place checks, depth.
local t = require "tests.lib.t"
local ss = require "semisam"

local function leaf(values)
  return ss.tensor(values):requires_grad_(true)
end

t.test("a chain and a diamond", function()
  local x = leaf { 1, 2, 3 }
  local y = x * x
  local z = (y + y * 2 - x):sum()
  z:backward()
  t.eq(x.grad:totable(), { 6 - 1, 12 - 1, 18 - 1 }) -- d(3x^2 - x) = 6x - 1
end)

t.test("gradients add up over backward calls", function()
  local x = leaf { 2 }
  for _ = 1, 3 do (x * 5):sum():backward() end
  t.eq(x.grad:totable(), { 15 })
  x:zero_grad()
  t.eq(x.grad, nil)
end)

t.test("broadcast inputs get gradients of their own shape", function()
  local x, b = leaf { { 1, 2 }, { 3, 4 } }, leaf { 10, 20 }
  ss.mul(x, b):sum():backward()
  t.eq(x.grad:totable(), { { 10, 20 }, { 10, 20 } })
  t.eq(b.grad:totable(), { 4, 6 })
end)

t.test("no_grad, detach and constants record nothing", function()
  local x = leaf { 1, 2 }
  t.eq(ss.no_grad(function() return x * 2 end).requires_grad, false)
  t.eq((x:detach() * 2).requires_grad, false)
  local c = ss.tensor { 1, 2 }:freeze_()
  t.eq((c * 2).requires_grad, false)
  t.eq(ss.grad_enabled(), true)
  t.raises(function() ss.no_grad(function() error "inside" end) end, "inside")
  t.eq(ss.grad_enabled(), true, "recording is back on after an error")
end)

t.test("backward needs a scalar or a seed, and a graph", function()
  local x = leaf { 1, 2 }
  t.raises(function() (x * 2):backward() end, "expected a scalar.*f32%[2%]")
  t.raises(function() ss.tensor(3):backward() end, "depends on nothing")
  local y = x * 3
  y:backward(ss.tensor { 1, 10 })
  t.eq(x.grad:totable(), { 3, 30 })
  t.raises(function() y:backward(ss.tensor { 1, 10 }) end, "gone through already")
end)

t.test("a tensor written after it was saved is noticed", function()
  local x, w = leaf { 1, 2 }, ss.tensor { 3, 4 }
  local y = (x * w):sum()
  w:fill_(0)
  t.raises(function() y:backward() end, "written in place")
end)

t.test("writing into the graph is refused", function()
  local x = leaf { 1, 2 }
  t.raises(function() x:fill_(0) end, "takes part in the gradient")
  ss.no_grad(function() x:fill_(7) end)
  t.eq(x:totable(), { 7, 7 })
end)

t.test("a chain of 20000 calls is released and differentiated without recursion", function()
  local x = leaf { 1 }
  ss.scoped(function()
    local y = x
    for _ = 1, 20000 do y = y + 0 end
    y:sum():backward()
  end)
  t.eq(x.grad:totable(), { 1 })
  ss.scoped(function()
    local y = x
    for _ = 1, 20000 do y = y + 0 end
  end)
end)

t.test("checkpoint gives the same gradient with less memory", function()
  local function block(a, w)
    for _ = 1, 6 do a = (a * w):leaky_relu(0.1) end
    return a
  end
  local function run(wrap)
    local x, w = ss.normal({ 64, 64 }, 1):requires_grad_(true), leaf { 0.9 }
    ss.reset_peak "cpu"
    local before = ss.memory("cpu").used
    ss.scoped(function()
      local y = x
      for _ = 1, 4 do y = wrap and ss.checkpoint(block, y, w) or block(y, w) end
      y:sum():backward()
    end)
    return x.grad:flat(), w.grad:flat(), ss.memory("cpu").peak - before
  end
  local gx, gw, peak = run(false)
  local cx, cw, small = run(true)
  t.eq(cx, gx)
  t.near(cw[1], gw[1], 1e-5 * math.abs(gw[1]))
  t.ok(small < 0.6 * peak, ("checkpointed peak %d of %d"):format(small, peak))
end)

t.test("an error inside a checkpointed backward is reported", function()
  local calls = 0
  local x = leaf { 1 }
  local y = ss.checkpoint(function(a)
    calls = calls + 1
    if calls > 1 then error "second time" end
    return a * 2
  end, x)
  t.raises(function() y:sum():backward() end, "second time")
end)

t.test("meta runs the same calls and counts the same bytes", function()
  local function step(device)
    local x = ss.zeros({ 32, 32 }, { device = device }):requires_grad_(true)
    ss.reset_peak(device)
    local before = ss.memory(device).used
    ss.scoped(function() ((x * 2 + x) * x):leaky_relu():sum():backward() end)
    return ss.memory(device).peak - before
  end
  t.eq(step "meta", step "cpu")
  local v = ss.zeros({}, { device = "meta" }):item()
  t.ok(v ~= v, "a value on meta is NaN")
  t.raises(function() return ss.zeros { 2 } + ss.zeros({ 2 }, { device = "meta" }) end, "inputs are on")
end)

t.done()
