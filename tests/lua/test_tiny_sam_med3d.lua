-- Tiny SAM-Med3D: sizes, the role it plays, its options, and the corrections beside the official
-- defects. The recorded cases in tests/golden hold the numbers.
local t = require "tests.lib.t"
local ss = require "semisam"
local nn, models = ss.nn, ss.models
local tiny_vit3d = require "semisam.models.tiny_vit3d"
local SoftMoe = require "semisam.models.tiny_moe"

-- Grids 8, 4, 2, 2; windows 3 on 4 (filled up to 6), 3 on 2 (one window), 2 on 2.
local TINY = { "tiny_sam_med3d", img_size = 32, embed_dims = { 8, 12, 16, 24 },
  depths = { 1, 1, 2, 1 }, num_heads = { 1, 2, 2, 3 }, window_sizes = { 7, 3, 3, 2 },
  merge_strides = { 2, 2, 1 }, num_experts = 3, slots_per_expert = 2, prompt_embed_dim = 48,
  decoder_mlp_dim = 32, iou_head_hidden_dim = 16 }

local function make(change)
  local own = {}
  for key, value in pairs(TINY) do own[key] = value end
  for key, value in pairs(change or {}) do own[key] = value end
  nn.seed(3)
  local net = models.new(own):eval()
  ss.no_grad(function() -- zeros of the initial values would hide mistakes
    for i, p in ipairs(net:parameters()) do p:add_(ss.normal(p.shape, i, 0, 0.2)) end
    local i = 0
    for name, b in net:named_buffers() do
      i = i + 1
      if name:find "running_mean$" then b:add_(ss.normal(b.shape, i, 0, 0.2)) end
      if name:find "running_var$" then b:add_(ss.uniform(b.shape, i)) end
    end
  end)
  return net
end

local function difference(a, b) return (a - b):abs():max():item() end
local POINT = { points = { { 3, 4, 5 } }, labels = { 1 } }

t.test("released sizes", function()
  ss.default_device "meta"
  local eight = models.new { "tiny_sam_med3d" }
  local many = models.new { "tiny_sam_med3d", num_experts = 64 }
  local plain = models.new { "tiny_sam_med3d", moe = false }
  ss.default_device "cpu"
  t.eq({ eight:count() }, { 16952964, 16952964 })
  t.eq(eight.image_encoder:count(), 9368660)
  t.eq((many:count()), 39066244)
  t.eq((plain:count()), 16936260)
  t.eq({ #eight:state(), #many:state(), #plain:state() }, { 403, 403, 433 })
  local state = eight:state()
  t.eq(state["image_encoder.layers.2.blocks.5.attn.attention_biases"].shape, { 5, 2744 })
  t.eq(state["image_encoder.layers.3.blocks.1.moe.experts.weight"].shape, { 8, 320, 320 })
  t.eq(state["image_encoder.layers.0.blocks.1.conv2.c.weight"].shape, { 256, 1, 3, 3, 3 })
  t.eq(state["image_encoder.patch_embed.seq.2.bn.num_batches_tracked"].dtype, "i64")
  t.eq(plain:state()["image_encoder.layers.1.blocks.0.mlp.fc1.weight"].shape, { 512, 128 })
end)

t.test("roles: odd sizes, points, masks, both", function()
  local net = make()
  ss.no_grad(function()
    local code = net:encode(net:prepare(ss.uniform({ 1, 9, 33, 21, 1 }, 1)))
    t.eq(code.embedding.shape, { 1, 2, 2, 2, 48 })
    local a = net:decode(code, POINT)
    t.eq(a.shape, { 1, 9, 33, 21, 1 })
    local b = net:decode(code, { mask = a })
    local both = net:decode(code, { points = POINT.points, labels = POINT.labels, mask = a })
    t.ok(difference(a, b) > 0)
    t.ok(difference(both, b) > 0)
    t.raises(function() net:decode(code, {}) end, "neither points nor a mask")
    t.raises(function() net:encode(ss.zeros { 1, 2, 3 }) end, "%[n,d,h,w,1%], got")
  end)
end)

t.test("a frozen encoder keeps what depends on its weights, until they change", function()
  local net = make()
  local encoder, x = net.image_encoder, ss.uniform({ 1, 32, 32, 32, 1 }, 4)
  local function encoded() return ss.no_grad(encoder, x) end
  local function fresh() -- the same with nothing kept
    encoder:unfreeze()
    local y = encoded()
    encoder:freeze()
    return y
  end
  local function same(what)
    local want = fresh()
    for _ = 1, 2 do t.ok(difference(encoded(), want) < 1e-6, what) end
    return want
  end
  local before = same "frozen"
  local function changed(what)
    local after = same(what)
    t.ok(difference(after, before) > 1e-5, what .. " shows")
    before = after
  end
  local attn, conv = encoder.layers["1"].blocks["0"].attn, encoder.layers["0"].blocks["0"].conv1
  for name, p in pairs { biases = attn.attention_biases, padding = attn.norm.bias, qkv = attn.qkv.bias,
    weight = conv.c.weight, scale = conv.bn.weight, mean = conv.bn.running_mean } do
    ss.no_grad(function() p:add_(ss.normal(p.shape, 5, 0, 0.3)) end)
    changed(name)
  end
  local state = {}
  for name, p in pairs(make({ depths = { 1, 1, 2, 1 } }).image_encoder:state()) do
    if type(name) == "string" then state[name] = p + 0.01 end
  end
  encoder:load_state(state)
  changed "loaded weights"
  local copy = encoder:clone(true):freeze()
  ss.no_grad(function() copy.layers["1"].blocks["0"].attn.attention_biases:mul_(-9) end)
  t.ok(difference(ss.no_grad(copy, x), before) > 1e-5, "a clone has its own")
  t.ok(difference(encoded(), before) < 1e-6, "and leaves those of the first alone")
  encoder:to "bf16"
  local half = encoded():to "f32"
  t.ok(difference(half, fresh():to "f32") < 0.05 * half:abs():max():item(), "another element type")
  encoder:to "f32"
  t.ok(difference(encoded(), before) < 1e-6, "and back")
end)

t.test("roles: a batch is its volumes", function()
  local net = make()
  ss.no_grad(function()
    local x = ss.uniform({ 2, 32, 32, 32, 1 }, 2)
    local prompts = { POINT, { points = { { 8, 8, 8 }, { 1, 1, 1 } }, labels = { 1, 0 } } }
    local both = net:decode(net:encode(x), prompts)
    for i = 1, 2 do
      local one = net:decode(net:encode(x:slice(1, i, i)), prompts[i])
      t.near(difference(both:slice(1, i, i), one), 0, 1e-4)
    end
  end)
end)

t.test("roles: on meta, shapes alone", function()
  local net = make():to "meta"
  local code = net:encode(ss.zeros({ 1, 32, 32, 32, 1 }, { device = "meta" }))
  local y = net:decode(code, POINT)
  t.eq({ y.device, y.shape }, { "meta", { 1, 32, 32, 32, 1 } })
end)

t.test("axes: z, y, x outside are a2, a1, a0 inside", function()
  local net = make()
  ss.no_grad(function()
    local x = ss.uniform({ 1, 32, 32, 32, 1 }, 3)
    t.eq(difference(net:encode(x).embedding, net.image_encoder(x:permute { 1, 4, 3, 2, 5 })), 0)
  end)
end)

t.test("half precision stays near f32", function()
  for _, moe in ipairs { true, false } do
    local net = make { moe = moe }
    ss.no_grad(function()
      local x = ss.uniform({ 1, 32, 32, 32, 1 }, 4)
      local want = net:encode(x).embedding
      local size = want:abs():max():item()
      for dtype, limit in pairs { bf16 = 0.06, f16 = 0.01 } do
        local code = net:to(dtype):encode(x)
        t.eq(code.embedding.dtype, dtype)
        t.near(difference(code.embedding:to "f32", want) / size, 0, limit)
        t.eq(net:decode(code, POINT).shape, { 1, 32, 32, 32, 1 })
      end
    end)
  end
end)

t.test("an encoder alone is loaded and the rest left as it is", function()
  local net, other = make(), make { num_experts = 3 }
  ss.no_grad(function()
    for _, p in ipairs(other:parameters()) do p:mul_(0.5) end
    local before = net.mask_decoder.iou_token.weight:copy()
    net.image_encoder:load_state(other.image_encoder:state())
    t.eq(difference(net.image_encoder.neck["0"].weight, other.image_encoder.neck["0"].weight), 0)
    t.eq(difference(net.mask_decoder.iou_token.weight, before), 0)
  end)
  t.raises(function() net.image_encoder:load_state(make { num_experts = 4 }.image_encoder:state()) end,
    "phi is f32%[12,3,2%], got f32%[12,4,2%]")
end)

t.test("the last merges of published widths keep the grid", function()
  t.eq(tiny_vit3d.grid({ img_size = 128, embed_dims = { 64, 128, 160, 320 }, depths = { 1, 1, 1, 1 },
    num_heads = { 2, 4, 5, 10 }, window_sizes = { 7, 7, 7, 7 }, local_conv_size = 3,
    window_reverse = "official", window_padding = "official" }, 1), 8)
  t.eq(make({ merge_strides = { 2, 2, 2 }, img_size = 64 }).grid, 2)
  t.eq(make({ merge_strides = { 2, 1, 1 } }).grid, 4)
end)

t.test("impossible settings are named", function()
  local function fails(change, message) t.raises(function() make(change) end, message) end
  fails({ img_size = 24 }, "img_size 24 is not a multiple of 16")
  fails({ num_heads = { 1, 5, 2, 3 } }, "width 12 is not a multiple of 5 heads")
  fails({ depths = { 1, 1, 1 } }, "depths must have 4 entries like embed_dims, got 3")
  fails({ merge_strides = { 2 } }, "merge_strides must have 3 entries, got 1")
  fails({ local_conv_size = 2 }, "must be odd, got 2")
  fails({ window_reverse = "right" }, '"official" or "correct", got "right"')
  fails({ window_padding = "none" }, '"official" or "masked", got "none"')
  fails({ prompt_embed_dim = 32 }, "32 is not a multiple of 3")
  fails({ experts = 8 }, 'unknown option "experts"')
end)

-- Attention of every token over the real tokens of its own window, in doubles.
local function textbook(attn, x)
  local r, w, heads, c = x:size(2), attn.window, attn.heads, x:size(5)
  local qkv = attn.qkv(attn.norm(x)):reshape({ r * r * r, heads, 3, c // heads }):totable()
  local bias, out, e = attn.attention_biases:totable(), {}, c // heads
  local function place(i) return { i // (r * r), i // r % r, i % r } end
  for i = 0, r * r * r - 1 do
    for h = 1, heads do
      local sum, row, a = 0, {}, place(i)
      for j = 0, r * r * r - 1 do
        local b, offset, same = place(j), 0, true
        for k = 1, 3 do
          same = same and a[k] // w == b[k] // w
          offset = offset * w + math.abs(a[k] - b[k])
        end
        if same then
          local logit = bias[h][offset + 1]
          for k = 1, e do
            logit = logit + qkv[i + 1][h][1][k] * qkv[j + 1][h][2][k] / math.sqrt(e)
          end
          sum = sum + math.exp(logit)
          for k = 1, e do row[k] = (row[k] or 0) + math.exp(logit) * qkv[j + 1][h][3][k] end
        end
      end
      for k = 1, e do out[#out + 1] = row[k] / sum end
    end
  end
  return attn.proj(ss.tensor(out):reshape(x.shape))
end

t.test("corrected windows are those of the textbook", function()
  local net = make { window_reverse = "correct", window_padding = "masked" }
  ss.no_grad(function()
    for _, at in ipairs { { "1", 4 }, { "2", 2 }, { "3", 2 }, { "3", 4 } } do
      local attn, r = net.image_encoder.layers[at[1]].blocks["0"].attn, at[2]
      local x = ss.normal({ 1, r, r, r, attn.norm.weight:size(1) }, 5, 0, 1)
      t.near(difference(attn(x), textbook(attn, x)), 0, 1e-5)
    end
  end)
end)

t.test("official windows: one is transposed, exact ones are scrambled", function()
  local official, correct = make(), make { window_reverse = "correct" }
  ss.no_grad(function()
    local function layer(net, l) return net.image_encoder.layers[l].blocks["0"].attn end
    local x = ss.normal({ 1, 2, 2, 2, 16 }, 6, 0, 1)
    t.near(difference(layer(official, "2")(x), layer(correct, "2")(x):permute { 1, 3, 2, 4, 5 }), 0,
      1e-6)
    x = ss.normal({ 1, 4, 4, 4, 24 }, 7, 0, 1) -- windows of 2, no padding: a permutation of tokens
    local a, b = layer(official, "3")(x), layer(correct, "3")(x)
    t.ok(difference(a, b) > 0.01)
    t.near((a - b):sum():item(), 0, 1e-3)
  end)
end)

t.test("statistics: the batch's own, running ones, fixed ones", function()
  local net, fixed = make():train(), make { fixed_statistics = true }:train()
  local x = ss.normal({ 1, 32, 32, 32, 1 }, 8, 1, 2)
  ss.no_grad(function()
    local name = "image_encoder.patch_embed.seq.0.bn.running_mean"
    local before = net:state()[name]:copy()
    local own = net:encode(x).embedding
    t.ok(difference(net:state()[name], before) > 0)
    local running = fixed:encode(x).embedding
    t.eq(difference(fixed:state()[name], before), 0)
    t.eq(difference(running, fixed:eval():encode(x).embedding), 0)
    t.ok(difference(running, own) > 0.01)
  end)
end)

t.test("folded norms are the norms", function()
  local conv = make().image_encoder.layers["0"].blocks["0"].conv2
  ss.no_grad(function()
    local x = ss.normal({ 1, 5, 5, 5, 32 }, 9, 0, 1)
    t.near(difference(conv(x), conv.bn(conv.c(x)):gelu()), 0, 1e-5)
  end)
end)

t.test("a normalised mixture does not depend on the size of its tokens", function()
  nn.seed(1)
  local moe = SoftMoe(12, 3, 2, true)
  ss.no_grad(function()
    local x = ss.normal({ 2, 20, 12 }, 10, 0, 1)
    t.near(difference(moe:logits(x), moe:logits(x * 100)), 0, 1e-5)
    t.ok(moe:logits(x):abs():max():item() <= 1)
    moe.scale:fill_(3)
    local dispatch, combine = moe:route(x)
    t.eq({ dispatch.shape, combine.shape }, { { 2, 6, 20 }, { 2, 20, 6 } })
    t.near(dispatch:sum({ dims = { 3 } }):flat(), ss.ones({ 12 }):flat(), 1e-5)
  end)
  moe(ss.normal({ 2, 20, 12 }, 10, 0, 1)):square():sum():backward()
  t.ok(moe.scale.grad and moe.phi.grad)
end)

t.test("everything that is used has a gradient, in training and in evaluation", function()
  for _, training in ipairs { true, false } do
    local enc = make().image_encoder:train(training)
    enc(ss.normal({ 2, 32, 32, 32, 1 }, 11, 0, 1)):square():sum():backward()
    for name, p in enc:named_parameters() do t.ok(p.grad, name) end
  end
end)

t.done()
