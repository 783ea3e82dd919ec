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
