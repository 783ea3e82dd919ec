-- Students with several answers: V-Net and U-Net, further decoders, coarse levels, distance heads.
local t = require "tests.lib.t"
local ss = require "semisam"
local models, nn = ss.models, ss.nn

local function names(net) return table.concat(net:state(), " ") end

t.test("V-Net has the size and the names of the official one", function()
  local net = models.new { "vnet" }
  t.eq((net:count()), 9448866)
  local all = names(net)
  for _, name in ipairs { "block_one.conv.0.weight", "block_two.conv.3.bias",
    "block_three.conv.7.running_mean", "block_five_up.conv.0.weight",
    "block_nine.conv.1.num_batches_tracked", "out_conv.bias" } do
    t.ok(all:find(name, 1, true), name)
  end
  t.eq(net.block_five_up.conv["0"].weight.shape, { 256, 128, 2, 2, 2 })
  all = names(models.new { "vnet", filters = 2, sdf = true })
  t.ok(all:find("out_conv2.weight", 1, true), "DTC: logits beside the distance")
  all = names(models.new { "vnet", filters = 2, decoders = { "transposed", "linear", "nearest" } })
  for _, name in ipairs { "encoder.block_one.conv.0.weight", "decoder1.block_five_up.conv.0.weight",
    "decoder2.block_five_up.conv.1.weight", "decoder3.out_conv.weight" } do
    t.ok(all:find(name, 1, true), "MC-Net: " .. name)
  end
end)

t.test("the critic has the size of SSL4MIS's discriminator", function()
  t.eq((require("semisam.models.critic3d") {}):count(), 11024386)
end)

-- Runs a network in training mode; every parameter must be reached by a gradient.
local function check(spec, answers, distance)
  nn.seed(2)
  local net = models.new(spec):train()
  nn.set_key(3)
  local label = table.concat({ spec[1], spec.deep and "deep" or "", spec.sdf and "sdf" or "",
    #(spec.decoders or { 1 }) }, " ")
  ss.scoped(function()
    local x = ss.uniform({ 2, 16, 16, 16, 1 }, 1)
    local out, sdf = net:outputs(x)
    t.eq(#out, answers, label)
    t.eq(sdf ~= nil, distance or false, label)
    local sum
    for _, logits in ipairs(out) do
      t.eq(logits.shape, { 2, 16, 16, 16, spec.classes or (spec[1] == "vnet" and 2 or 1) }, label)
      sum = sum and sum + logits:square():mean() or logits:square():mean()
    end
    if sdf then
      t.eq(sdf.shape, { 2, 16, 16, 16, 1 }, label)
      t.ok(sdf:abs():max():item() <= 1)
      sum = sum + sdf:square():mean()
    end
    sum:backward()
    for name, p in net:named_parameters() do t.ok(p.grad, label .. ": no gradient at " .. name) end
    nn.set_key(3)
    t.eq(ss.hash(net(x)), ss.hash(out[1]), label .. ": a call is the first answer")
  end)
  nn.set_key(nil)
end

t.test("answers: shapes, gradients, and the first one is that of a call", function()
  check({ "vnet", filters = 2 }, 1)
  check({ "vnet", filters = 2, sdf = true, normalise = "instance", classes = 1 }, 1, true)
  check({ "vnet", filters = 2, decoders = { "transposed", "linear", "nearest" }, normalise = "none" }, 3)
  check({ "vnet", filters = 2, deep = true, normalise = "group", dropout = 0 }, 4)
  check({ "vnet", filters = 2, residual = true }, 1)
  check({ "unet3d", base = 2 }, 1)
  check({ "unet3d", base = 2, deep = true, sdf = true, dropout = 0.5 }, 3, true)
  check({ "unet3d", base = 2, decoders = { "transposed", "linear", "nearest" }, classes = 3 }, 3)
end)

t.test("decode(encode(x)) is a call", function()
  for _, spec in ipairs { { "vnet", filters = 2 }, { "unet3d", base = 2 } } do
    local net = models.new(spec):eval()
    local x = ss.uniform({ 1, 16, 16, 16, 1 }, 1)
    t.eq(ss.hash(net:decode(net:encode(x))), ss.hash(net(x)))
  end
end)

t.test("dropout of channels: whole ones", function()
  local drop = nn.dropout(0.5, { channels = true }):train()
  nn.set_key(1)
  local y = drop(ss.ones { 2, 4, 4, 4, 32 })
  local sums, seen = y:sum({ dims = { 2, 3, 4 } }):flat(), {}
  for _, v in ipairs(sums) do seen[v] = (seen[v] or 0) + 1 end
  t.eq((seen[0.0] or 0) + (seen[128.0] or 0), 64)
  t.ok((seen[0.0] or 0) > 10 and (seen[128.0] or 0) > 10)
  nn.set_key(nil)
end)

t.test("what they refuse", function()
  t.raises(function() models.new { "vnet", normalise = "layer" } end,
    "batch, instance, group or none, got layer")
  for _, name in ipairs { "vnet", "unet3d" } do
    t.raises(function() models.new { name, decoders = { "cubic" } } end,
      "transposed, linear or nearest, got cubic")
  end
  t.raises(function() models.new { "vnet", filters = 2 } (ss.zeros { 1, 16, 24, 16, 1 }) end,
    "multiples of 16, got %[1,16,24,16,1%]")
end)

t.done()
