-- Memory of training: constant over many steps, and predicted by the meta device.
local t = require "tests.lib.t"
local ss = require "semisam"
local nn, optim, ema = ss.nn, ss.optim, ss.ema

local SIZE = 8

local function step(net, opt, average, x, y, i)
  ss.scoped(function()
    nn.set_key(i)
    local logits = net(x)
    local loss = logits:bce_with_logits(y)
    if average then
      local d = logits:sigmoid() - average(x):sigmoid()
      loss = loss + (d * d):mean()
    end
    opt:backward(loss)
    if opt:step() and average then average:update() end
  end)
end

t.test("live bytes after 500 steps are those after 50", function()
  nn.seed(1)
  local net = ss.models.new { "unet3d", base = 4, levels = 2, dropout = 0.1 }
  local opt = optim.adamw(net, { lr = 1e-3, clip_norm = 1 })
  local average = ema.new(net)
  local x = ss.uniform({ 1, SIZE, SIZE, SIZE, 1 }, 3)
  local y = x:gt(0.5):to("f32")
  local early, early_used
  for i = 1, 500 do
    step(net, opt, average, x, y, i)
    if i == 50 then
      early, early_used = table.pack(ss.live()), ss.memory("cpu").used
    end
  end
  t.eq(table.pack(ss.live()), early)
  t.eq(ss.memory("cpu").used, early_used)
  nn.set_key(nil)
end)

-- Peak bytes of the second training step on a device.
local function peak(device, spec, size)
  nn.seed(1)
  local net = ss.models.new(spec):to(device)
  local opt = optim.adamw(net, { lr = 1e-3, clip_norm = 1 })
  local x = ss.zeros({ 1, size, size, size, 1 }, { device = device })
  local y = ss.zeros({ 1, size, size, size, 1 }, { device = device })
  step(net, opt, nil, x, y, 1)
  ss.reset_peak(device)
  step(net, opt, nil, x, y, 2)
  nn.set_key(nil)
  return ss.memory(device).peak
end

local NETWORKS = {
  { 24, { "unet3d", base = 4, levels = 2, dropout = 0.1 } },
  -- mostly frozen weights, of which packed copies are kept
  { 32, { "slicing_sam3d", image_size = 32, patch_size = 16, embed_dim = 192, depth = 3,
    num_heads = 4, window_size = 3, global_attn_indexes = { 1 }, out_channels = 32,
    decoder_channels = { 16, 8, 4, 4 }, classes = 1 } },
}

t.test("a repeated step takes nothing more from a GPU", function()
  nn.seed(1)
  local net = ss.models.new({ "unet3d", base = 8, levels = 3 }):to("meta:cuda")
  local opt = optim.adamw(net, { lr = 1e-3 })
  local x = ss.zeros({ 1, 64, 64, 64, 1 }, { device = "meta:cuda" })
  for i = 1, 2 do step(net, opt, nil, x, x, i) end
  ss.reset_peak "meta:cuda"
  for i = 1, 3 do step(net, opt, nil, x, x, i) end
  local m = ss.memory "meta:cuda"
  t.eq(m.requests, 0)
  t.ok(m.reserved_peak < 1.15 * m.peak + (64 << 20),
    ("%d bytes taken, %d in use"):format(m.reserved_peak, m.peak))
end)

t.test("a GPU's memory goes back when nothing in it is in use", function()
  collectgarbage()
  ss.trim "meta:cuda"
  local before = ss.memory "meta:cuda"
  local kept
  ss.scoped(function()
    for i = 1, 40 do -- sizes on both sides of every limit, let go in another order
      local x = ss.zeros({ i * i * i * 700 }, { device = "meta:cuda" })
      if i == 20 then kept = ss.keep(x) end
      if i % 3 == 0 then x:release() end
    end
  end)
  local m = ss.memory "meta:cuda"
  t.eq(m.used - before.used, 20 * 20 * 20 * 700 * 4)
  t.ok(m.cached > 0, "freed blocks wait")
  ss.trim "meta:cuda"
  t.ok(ss.memory("meta:cuda").reserved - before.reserved <= 64 << 20, "one segment is left")
  kept:release()
  ss.trim "meta:cuda"
  t.eq(ss.memory("meta:cuda").reserved, before.reserved)
end)

for _, case in ipairs(NETWORKS) do
  t.test("meta predicts the peak of a step within 1.3x: " .. case[2][1], function()
    local real = peak("cpu", case[2], case[1])
    collectgarbage()
    local predicted = peak("meta", case[2], case[1])
    local ratio = real / predicted
    t.ok(ratio < 1.3 and ratio > 1 / 1.3,
      ("cpu %d bytes, meta %d bytes, ratio %.3f"):format(real, predicted, ratio))
  end)
end

t.done()
