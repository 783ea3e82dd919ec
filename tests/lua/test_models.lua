-- Networks: sizes, shapes, names, the roles they play, and what they refuse.
local t = require "tests.lib.t"
local ss = require "semisam"
local nn, models = ss.nn, ss.models

-- A student and a large generalist that run in milliseconds.
local STUDENT = { "slicing_sam3d", image_size = 32, patch_size = 8, embed_dim = 16, depth = 2,
  num_heads = 2, window_size = 3, global_attn_indexes = { 1 }, out_channels = 8,
  decoder_channels = { 8, 8, 4, 4 }, classes = 1 }
local GENERALIST = { "sam_med3d", img_size = 16, patch_size = 4, embed_dim = 24, depth = 2,
  num_heads = 2, window_size = 3, global_attn_indexes = { 1 }, prompt_embed_dim = 48,
  decoder_mlp_dim = 32, iou_head_hidden_dim = 16 }

local function make(spec, change)
  local own = {}
  for key, value in pairs(spec) do own[key] = value end
  for key, value in pairs(change or {}) do own[key] = value end
  nn.seed(3)
  return models.new(own)
end

local function volume(n, d, s, key) return ss.uniform({ n, d, s, s, 1 }, key or 1) end

local function difference(a, b) return (a - b):abs():max():item() end

-- pos_embed and the tables start at zero, which would hide mistakes.
local function shake(net)
  ss.no_grad(function()
    for i, p in ipairs(net:parameters()) do p:add_(ss.normal(p.shape, i, 0, 0.2)) end
  end)
  return net
end

t.test("released sizes", function()
  ss.default_device "meta"
  local student, sam = models.new { "slicing_sam3d" }, models.new { "sam_med3d" }
  ss.default_device "cpu"
  t.eq({ student:count() }, { 88396542, 1879550 })
  t.eq({ sam:count() }, { 100509232, 100509232 })
  t.eq(sam.image_encoder:count(), 92924928)
  t.eq(sam.prompt_encoder:count(), 8668)
  t.eq(sam.mask_decoder:count(), 7575636)
  t.eq(#sam:state(), 324)
  t.ok(sam:state()["mask_decoder.transformer.layers.1.cross_attn_image_to_token.q_proj.weight"])
  t.ok(student:state()["decoder5.conv1.0.weight"])
  t.eq((models.new { "unet3d" }):count(), 350809)
end)

t.test("the student: shapes, frozen encoder, cached features", function()
  local net = shake(make(STUDENT))
  local x = volume(2, 5, 32)
  local features = net:encode(x)
  t.eq(features.shape, { 2, 5, 4, 4, 8 })
  local y = net:decode(features)
  t.eq(y.shape, { 2, 5, 32, 32, 1 })
  t.eq(difference(y, net(x)), 0)
  y:sum():backward()
  t.eq(net.image_encoder.pos_embed.grad, nil)
  t.ok(net.decoder5.conv1["0"].weight.grad)
end)

t.test("slices are encoded in any portions alike", function()
  local net = shake(make(STUDENT))
  local one = shake(make(STUDENT, { slice_bytes = 1 }))
  local x = volume(1, 4, 32)
  t.near(difference(net:encode(x), one:encode(x)), 0, 1e-5)
end)

t.test("deep supervision and several classes", function()
  local net = make(STUDENT, { classes = 3, deep_supervision = true })
  local list = net(volume(1, 2, 32))
  t.eq(#list, 3)
  t.eq(list[1].shape, { 1, 2, 32, 32, 3 })
  t.eq(list[2].shape, { 1, 2, 16, 16, 3 })
  t.eq(list[3].shape, { 1, 2, 8, 8, 3 })
end)

t.test("wrong inputs are named", function()
  t.raises(function() make(STUDENT):encode(volume(1, 2, 24)) end, "expected %[n,d,32,32,1%], got")
  t.raises(function() make(GENERALIST):encode(ss.zeros { 1, 2, 3 }) end, "%[n,d,h,w,1%], got")
  t.raises(function() models.new({ "unet3d" })(volume(1, 10, 16)) end, "multiples of 8")
end)

t.test("impossible settings are named", function()
  t.raises(function() make(STUDENT, { embed_dim = 15 }) end, "width 15 is not a multiple of 2")
  t.raises(function() make(STUDENT, { patch_size = 5 }) end, "32 is not a multiple of patch_size 5")
  t.raises(function() make(STUDENT, { image_size = 33, patch_size = 3 }) end, "2, 4, 8 or 16, got 3")
  t.raises(function() make(GENERALIST, { img_size = 15 }) end, "15 is not a multiple of")
  t.raises(function() make(GENERALIST, { prompt_embed_dim = 32 }) end, "32 is not a multiple of 3")
  t.raises(function() make(STUDENT, { depth = "2" }) end, '"depth" must be a number, got 2')
end)

local function generalists()
  return { make(GENERALIST), make { "prompt_unet", base = 4, levels = 2 } }
end

t.test("roles: logits at the resolution of the input", function()
  for _, net in ipairs(generalists()) do
    ss.no_grad(function()
      shake(net)
      local code = net:encode(net:prepare(volume(1, 16, 16)))
      local point = { points = { { 3, 4, 5 } }, labels = { 1 } }
      local a = net:decode(code, point)
      t.eq(a.shape, { 1, 16, 16, 16, 1 })
      local same = net:decode(code, { points = ss.tensor { { 3, 4, 5 } }, labels = ss.ones { 1 } })
      t.eq(difference(a, same), 0)
      local b = net:decode(code, { mask = a })
      t.ok(difference(a, b) > 0)
      local both = net:decode(code, { points = { { 3, 4, 5 } }, labels = { 1 }, mask = a })
      t.ok(difference(both, b) > 0)
      t.raises(function() net:decode(code, {}) end, "neither points nor a mask")
      t.raises(function() net:decode(code, { points = { { 1, 2, 3 } } }) end, "1 points but 0")
      local box = { box = ss.tensor { { 3, 4, 5 }, { 9, 10, 11 } } }
      if net.name == "prompt_unet" then
        t.ok(difference(net:decode(code, box), a) > 0)
        t.raises(function() net:decode(code, { box = { 1 } }) end, "three numbers")
      else
        t.raises(function() net:decode(code, box) end, 'unknown prompt "box"')
      end
    end)
  end
end)

t.test("roles: on meta, shapes alone", function()
  for _, net in ipairs(generalists()) do
    net:to "meta"
    local x = ss.zeros({ 1, 16, 16, 16, 1 }, { device = "meta" })
    local code = net:encode(net:prepare(x))
    local y = net:decode(code, { points = { { 3, 4, 5 } }, labels = { 1 } })
    t.eq({ y.device, y.shape }, { "meta", { 1, 16, 16, 16, 1 } })
    t.eq(net:decode(code, { mask = y }).shape, { 1, 16, 16, 16, 1 })
  end
end)

t.test("roles: a batch is its volumes", function()
  for _, net in ipairs(generalists()) do
    ss.no_grad(function()
      shake(net)
      local x = volume(2, 16, 16)
      local prompts = { { points = { { 3, 4, 5 } }, labels = { 1 } },
        { points = { { 8, 8, 8 }, { 1, 1, 1 } }, labels = { 1, 0 } } }
      local both = net:decode(net:encode(x), prompts)
      for i = 1, 2 do
        local one = net:decode(net:encode(x:slice(1, i, i)), prompts[i])
        t.near(difference(both:slice(1, i, i), one), 0, 1e-4)
      end
      t.raises(function() net:decode(net:encode(x), { prompts[1] }) end, "2 volumes")
    end)
  end
end)

t.test("SAM-Med3D resizes other grids at its door", function()
  local net = shake(make(GENERALIST))
  ss.no_grad(function()
    local x = ss.uniform({ 1, 8, 32, 24, 1 }, 4)
    local y = net:decode(net:encode(x), { points = { { 2, 20, 10 } }, labels = { 1 } })
    t.eq(y.shape, { 1, 8, 32, 24, 1 })
  end)
end)

t.test("axes: z, y, x outside are a2, a1, a0 inside", function()
  local net = shake(make(GENERALIST))
  ss.no_grad(function()
    local x = volume(1, 16, 16)
    local code = net:encode(x)
    local inner = net.image_encoder(x:permute { 1, 4, 3, 2, 5 })
    t.eq(difference(code.embedding, inner), 0)
    local low = net:decode_low(code, ss.tensor { { { 5, 4, 3 } } }, ss.ones { 1, 1 },
      ss.zeros { 1, 16, 16, 16, 1 })
    local y = net:decode(code, { points = { { 3, 4, 5 } }, labels = { 1 } })
    t.near(difference(y, low:slice(5, 1, 1):permute { 1, 4, 3, 2, 5 }), 0, 1e-5)
  end)
end)

t.test("heat map of points", function()
  local net = models.new { "prompt_unet", base = 2, levels = 2, point_sigma = 1 }
  local map = net:heat_map({ points = { { 2, 3, 4 }, { 5, 5, 5 } }, labels = { 1, 0 } },
    { 8, 8, 8 }):reshape { 8, 8, 8 }
  local values = map:totable()
  t.near(values[3][4][5], 1, 1e-3)
  t.near(values[6][6][6], -1, 1e-3)
  t.near(values[3][4][6], math.exp(-0.5), 1e-2)
end)

t.test("preparation", function()
  local norms = require("semisam.models.prep").norms
  local x = ss.tensor({ 0, 2, 4, 8 }):reshape { 1, 1, 2, 2, 1 }
  t.near(norms.minmax(x):flat(), { 0, 0.25, 0.5, 1 }, 1e-6)
  t.eq(norms.minmax(ss.full({ 1, 2, 2, 2, 1 }, 7)):flat(), { 0, 0, 0, 0, 0, 0, 0, 0 })
  local mean, std = 14 / 3, math.sqrt(((2 - 14 / 3) ^ 2 + (4 - 14 / 3) ^ 2 + (8 - 14 / 3) ^ 2) / 2)
  t.near(norms.zscore_positive(x):flat(),
    { -mean / std, (2 - mean) / std, (4 - mean) / std, (8 - mean) / std }, 1e-5)
  t.eq(norms.zscore_positive(ss.zeros { 1, 1, 1, 2, 1 }):flat(), { 0, 0 })
  local z = norms.zscore(x):flat()
  t.near(z[1] + z[2] + z[3] + z[4], 0, 1e-5)
  t.raises(function() models.prepare({ norm = "zsocre" }, x) end, 'unknown norm "zsocre"')
end)

t.test("an encoder takes a checkpoint of another size", function()
  local big = shake(make(STUDENT, { image_size = 64, freeze_encoder = false })).image_encoder
  local net = make(STUDENT)
  net:load_encoder(big:state())
  t.eq(difference(net.image_encoder.patch_embed.proj.weight, big.patch_embed.proj.weight), 0)
  -- 8 -> 4 tokens samples half way between two neighbours of each axis
  local g, want = big.pos_embed, 0
  for i = 1, 2 do
    for j = 1, 2 do want = want + g[1][i][j][1]:item() / 4 end
  end
  t.near(net.image_encoder.pos_embed[1][1][1][1]:item(), want, 1e-6)
  t.eq(net.image_encoder.blocks["0"].attn.rel_pos_h.shape, { 5, 8 })
end)

t.done()
