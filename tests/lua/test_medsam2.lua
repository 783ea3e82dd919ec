-- MedSAM2's networks: sizes and names, shapes of the interface, options, gradients, what is refused.
local t = require "tests.lib.t"
local ss = require "semisam"
local models = ss.models

local TINY = { "medsam2", image_size = 64, embed_dim = 8, num_heads = 1, stages = { 1, 1, 2, 1 },
  global_att_blocks = { 3 }, bkg = { 3, 3 }, window_spec = { 8, 4, 6, 3 }, d_model = 32, mem_dim = 8,
  ma_layers = 2, ma_ff = 24, decoder_mlp_dim = 24, iou_head_hidden_dim = 12 }
local S, E, D, C = 64, 4, 32, 8

local function make(change)
  local spec = {}
  for key, value in pairs(TINY) do spec[key] = value end
  for key, value in pairs(change or {}) do spec[key] = value end
  ss.nn.seed(5)
  local net = models.new(spec)
  net.image_encoder.trunk.pos_embed:copy_(ss.normal({ 1, 8, 3, 3 }, 1))
  net.sam_mask_decoder.pred_obj_score_head.layers["2"].bias:fill_(100) -- objects are there
  return net
end

local function build(change) return ss.no_grad(make, change) end

local function difference(a, b) return (a - b):abs():max():item() end
local function picture(n) return ss.normal({ n or 1, S, S, 3 }, 9) end
local function elements(state)
  local n = 0
  for _, name in ipairs(state) do n = n + state[name].count end
  return n
end

t.test("released sizes: tensors and values", function()
  ss.default_device "meta"
  local want = { tiny = { 471, 38962754 }, small = { 519, 46060610 }, base_plus = { 615, 80850434 },
    large = { 903, 224446898 } }
  for variant, numbers in pairs(want) do
    local state = models.new({ "medsam2", variant = variant }):state()
    t.eq({ #state, elements(state) }, numbers)
  end
  local old = models.new({ "medsam2", no_obj_embed_spatial = false, -- SAM 2.0
    add_tpos_enc_to_obj_ptrs = false, proj_tpos_enc_in_obj_ptrs = false }):state()
  ss.default_device "cpu"
  t.eq(#old, 468)
  t.eq(old["obj_ptr_tpos_proj.weight"], nil)
end)

t.test("official names and shapes", function()
  ss.default_device "meta"
  local net = models.new { "medsam2" }
  ss.default_device "cpu"
  local state = net:state()
  for name, shape in pairs {
    ["maskmem_tpos_enc"] = { 7, 1, 1, 64 },
    ["no_obj_embed_spatial"] = { 1, 64 },
    ["image_encoder.trunk.pos_embed"] = { 1, 96, 7, 7 },
    ["image_encoder.trunk.blocks.10.proj.weight"] = { 768, 384 },
    ["image_encoder.trunk.blocks.3.mlp.layers.0.weight"] = { 1536, 384 },
    ["image_encoder.neck.convs.0.conv.weight"] = { 256, 768, 1, 1 },
    ["mask_downsample.weight"] = { 1, 1, 4, 4 },
    ["memory_attention.layers.3.cross_attn_image.k_proj.weight"] = { 256, 64 },
    ["memory_encoder.mask_downsampler.encoder.12.weight"] = { 256, 256, 1, 1 },
    ["memory_encoder.fuser.layers.1.dwconv.weight"] = { 256, 1, 7, 7 },
    ["memory_encoder.out_proj.weight"] = { 64, 256, 1, 1 },
    ["sam_mask_decoder.transformer.layers.1.mlp.layers.1.weight"] = { 256, 2048 },
    ["sam_mask_decoder.pred_obj_score_head.layers.2.bias"] = { 1 },
    ["sam_prompt_encoder.point_embeddings.3.weight"] = { 1, 256 },
    ["obj_ptr_proj.layers.2.weight"] = { 256, 256 },
  } do
    t.eq(state[name] and state[name].shape, shape)
  end
end)

local function check_answer(y, n, m)
  t.eq(y.masks.shape, { n, 4 * E, 4 * E, m })
  t.eq(y.ious.shape, { n, m })
  t.eq(y.low.shape, { n, 4 * E, 4 * E, 1 })
  t.eq(y.high.shape, { n, S, S, 1 })
  t.eq(y.pointer.shape, { n, D })
  t.eq(y.score.shape, { n, 1 })
end

t.test("shapes of the interface", function()
  local net = build()
  ss.no_grad(function()
    local code = net:encode_image(picture())
    t.eq(code.feature.shape, { 1, E, E, D })
    t.eq(code.s0.shape, { 1, 4 * E, 4 * E, D // 8 })
    t.eq(code.s1.shape, { 1, 2 * E, 2 * E, D // 4 })
    local feature = net:without_memory(code.feature)
    check_answer(net:heads(feature, code, nil, true), 1, 3)
    local two = { points = ss.full({ 2, 3, 2 }, 20), labels = ss.tensor { { 2, 3, 0 }, { 2, 3, 1 } } }
    local y = net:heads(feature, code, two)
    check_answer(y, 2, 1)
    t.eq(y.best, { 1, 1 })
    local drawn = net:mask_as_output(code, ss.uniform({ 2, S, S, 1 }, 4):gt(0.5):to "f32")
    check_answer(drawn, 2, 1)
    t.eq(drawn.score:flat(), { 10, 10 })
    local memory = net:encode_memory(code.feature, y.high, y.score, true)
    t.eq(memory.shape, { 2, E, E, C })
    local tokens = ss.cat(memory:reshape { 2, E * E, C }, ss.zeros { 2, 2 * D // C, C }, { dim = 2 })
    local places = ss.cat(net:memory_position(6), net:pointer_position({ 0, 3 }, 15), { dim = 1 })
    t.eq(places.shape, { E * E + 2 * D // C, C })
    local x = net:condition(code.feature, tokens, places:reshape { 1, places:size(1), C },
      2 * D // C)
    t.eq(x.shape, { 2, E, E, D })
  end)
end)

t.test("an object that is not there", function()
  local net = build()
  ss.no_grad(function()
    net.sam_mask_decoder.pred_obj_score_head.layers["2"].bias:fill_(-1e3)
    local code = net:encode_image(picture())
    local y = net:heads(code.feature, code, nil, true)
    t.eq({ y.masks:min():item(), y.masks:max():item() }, { -1024, -1024 })
    t.eq(difference(y.pointer, net.no_obj_ptr), 0)
    local empty = net:mask_as_output(code, ss.zeros { 1, S, S, 1 })
    t.eq(empty.score:item(), -10)
    t.eq(difference(empty.pointer, net.no_obj_ptr), 0)
    local here = net:encode_memory(code.feature, y.high, ss.ones { 1, 1 }, false)
    local gone = net:encode_memory(code.feature, y.high, y.score, false)
    t.near(difference(gone - here, net.no_obj_embed_spatial:expand(here.shape)), 0, 1e-5)
  end)
end)

t.test("windows that stick out: the same as padded ones", function()
  local net = build()
  local attn = net.image_encoder.trunk.blocks["4"].attn -- window 6 on a grid of 4, pooled
  ss.no_grad(function()
    attn.qkv.bias:copy_(ss.normal(attn.qkv.bias.shape, 3))
    local x = ss.normal({ 2, 4, 8, 32 }, 5)
    local full = x:pad { 0, 0, 0, 4, 0, 2 } -- what the official code multiplies
    local whole = attn(full)
    local y = attn(x)
    t.eq(y.shape, { 2, 2, 4, 64 })
    t.near(difference(y, whole:slice(2, 1, 2):slice(3, 1, 4)), 0, 1e-5)
  end)
end)

t.test("options change the answer as they say", function()
  ss.no_grad(function()
    local net = build()
    local code = net:encode_image(picture())
    local masks = net:heads(code.feature, code, nil, true)
    t.eq(masks.best[1], math.tointeger(masks.ious:argmax(2):item()) + 1)
    t.near(difference(masks.low, masks.masks:slice(4, masks.best[1], masks.best[1])), 0, 0)
    net.config.dynamic_multimask_via_stability = false
    local plain = net:heads(code.feature, code, nil, false)
    net.config.dynamic_multimask_via_stability = true
    net.config.stability_thresh = 2 -- never stable: the best of the others
    local other = net:heads(code.feature, code, nil, false)
    t.near(difference(other.low, masks.low), 0, 1e-6)
    t.ok(difference(plain.low, masks.low) > 0)
    t.near(difference(other.pointer, plain.pointer), 0, 1e-6) -- of token 0 either way
  end)
  local old = build { add_tpos_enc_to_obj_ptrs = false, proj_tpos_enc_in_obj_ptrs = false }
  t.eq(old:pointer_position({ 1 }, 15):abs():max():item(), 0)
end)

t.test("objects made disjoint", function()
  local heads = require "semisam.models.sam2_heads"
  local y = heads.non_overlapping(ss.tensor { 5, -20, 3, 7, -3, 3 }:reshape { 2, 1, 3, 1 })
  t.eq(y:flat(), { -10, -20, 3, 7, -3, -10 })
end)

t.test("gradients reach every part", function()
  local net = build()
  local code = net:encode_image(picture())
  local y = net:heads(net:without_memory(code.feature), code,
    { points = ss.full({ 1, 1, 2 }, 30), labels = ss.ones { 1, 1 } }, true)
  local memory = net:encode_memory(code.feature, y.high, y.score, false):reshape { 1, E * E, C }
  local places = net:memory_position(0):reshape { 1, E * E, C }
  local x = net:condition(code.feature, memory, places, 0)
  local loss = x:square():sum() + y.pointer:sum() + y.ious:sum() + y.score:sum()
  loss:backward()
  for _, name in ipairs { "image_encoder.trunk.pos_embed", "image_encoder.trunk.pos_embed_window",
    "image_encoder.trunk.blocks.2.attn.qkv.bias", "image_encoder.neck.convs.0.conv.weight",
    "memory_attention.layers.0.cross_attn_image.k_proj.weight", "maskmem_tpos_enc",
    "memory_encoder.fuser.layers.0.gamma", "sam_mask_decoder.conv_s0.weight", "no_mem_embed",
    "sam_prompt_encoder.point_embeddings.1.weight", "obj_ptr_proj.layers.0.weight" } do
    local grad = net:state()[name].grad
    t.ok(grad and grad:abs():sum():item() > 0, name)
  end
end)

t.test("on the meta device: shapes without numbers", function()
  ss.default_device "meta"
  local net = models.new(TINY)
  local code = net:encode_image(ss.zeros { 1, S, S, 3 })
  local y = net:heads(net:without_memory(code.feature), code, nil, true)
  local memory = net:encode_memory(code.feature, y.high, y.score, true)
  local x = net:condition(code.feature, memory:reshape { 1, E * E, C },
    net:memory_position(6):reshape { 1, E * E, C }, 0)
  ss.default_device "cpu"
  check_answer(y, 1, 3)
  t.eq({ x.shape, x.device }, { { 1, E, E, D }, "meta" })
end)

t.test("bf16 is close to f32", function()
  local net = build()
  local function session()
    local code = net:encode_image(picture())
    local y = net:heads(net:without_memory(code.feature), code, nil, true)
    local memory = net:encode_memory(code.feature, y.high, y.score, false)
    local x = net:condition(code.feature, memory:reshape { 1, E * E, C },
      net:memory_position(6):reshape { 1, E * E, C }, 0)
    return code.feature:to "f32", y.masks, memory:to "f32", x:to "f32"
  end
  ss.no_grad(function()
    local want = { session() }
    net:to "bf16"
    local got = { session() }
    t.eq(got[2].dtype, "f32")
    for i = 1, 4 do
      t.ok(difference(got[i], want[i]) < 0.05 * want[i]:abs():max():item() + 1e-3, "result " .. i)
    end
  end)
end)

t.test("what is refused", function()
  local function refused(change, text) t.raises(function() make(change) end, text) end
  refused({ variant = "huge" }, 'unknown variant "huge"')
  refused({ image_size = 80 }, "image_size must be a multiple of 32 and of 32, got 80")
  refused({ stages = { 1, 2 } }, "must have four numbers, got 2 and 4")
  refused({ mem_dim = 12 }, "d_model 32 must be a multiple of 8 and of mem_dim 12")
  refused({ window_spec = { 8, 4, 5, 3 } }, "window of 5 cannot be pooled")
  refused({ directly_add_no_mem_embed = false }, "must be true")
  refused({ add_tpos_enc_to_obj_ptrs = false }, "needs add_tpos_enc_to_obj_ptrs")
  refused({ colour = 1 }, 'unknown option "colour"')
  local net = build()
  t.raises(function() net:encode_image(ss.zeros { 1, 60, 60, 3 }) end, "expected %[n,64,64,3%]")
  t.raises(function() net:memory_position(7) end, "row must be 0 to 6, got 7")
  local code = net:encode_image(picture())
  t.raises(function() net:mask_as_output(code, ss.zeros { 1, 4, 4, 1 }) end,
    "expected a mask %[n,64,64,1%]")
  t.raises(function()
    net:condition(code.feature, ss.zeros { 1, 17, C }, ss.zeros { 1, 17, C }, 0)
  end, "17 tokens of memory, 0 of them pointers, do not fit a square image of 16")
end)

t.done()
