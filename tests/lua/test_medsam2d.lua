-- SAM and MedSAM for images: sizes and names, images of any size, prompts, what is refused.
local t = require "tests.lib.t"
local ss = require "semisam"
local models = ss.models

local TINY = { "medsam2d", image_size = 32, patch_size = 4, embed_dim = 16, depth = 2, num_heads = 2,
  window_size = 3, global_attn_indexes = { 1 }, prompt_embed_dim = 16, decoder_mlp_dim = 24,
  iou_head_hidden_dim = 12 }

local function make(change)
  local spec = {}
  for key, value in pairs(TINY) do spec[key] = value end
  for key, value in pairs(change or {}) do spec[key] = value end
  ss.nn.seed(5)
  return models.new(spec)
end

local function difference(a, b) return (a - b):abs():max():item() end

local function image(h, w, c)
  return (ss.uniform({ h, w, c or 1 }, 7) * 256):floor():to "u8"
end

t.test("released sizes and names", function()
  ss.default_device "meta"
  local b, h = models.new { "medsam2d" }, models.new { "medsam2d", variant = "vit_h" }
  ss.default_device "cpu"
  t.eq({ b:count() }, { 93735472, 93735472 })
  t.eq((b.image_encoder:count()), 89670912)
  t.eq((b.prompt_encoder:count()), 6220)
  t.eq((b.mask_decoder:count()), 4058340)
  t.eq((h:count()), 641090608)
  local state = b:state()
  t.eq(#state, 314)
  t.eq(state["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"].shape, { 2, 128 })
  t.eq(state["mask_decoder.output_hypernetworks_mlps.3.layers.2.weight"].shape, { 32, 256 })
  t.eq(state["mask_decoder.output_upscaling.3.weight"].shape, { 64, 32, 2, 2 })
  t.eq(state["image_encoder.neck.2.weight"].shape, { 256, 256, 3, 3 })
end)

t.test("one image, several prompts", function()
  local net = make()
  local code = net:encode(image(20, 30))
  t.eq(code.embedding.shape, { 1, 8, 8, 16 })
  local box, click = { box = { 3, 4, 20, 15 } }, { points = { { 5, 6 } }, labels = { 1 } }
  local one = net:decode(code, box)
  t.eq(one.prob.shape, { 1, 20, 30, 1 })
  t.eq(one.low.shape, { 1, 32, 32, 1 })
  t.eq(one.iou.shape, { 1, 1 })
  t.eq(one.masks.dtype, "bool")
  local both = net:decode(code, { box, click, { box = box.box, points = click.points,
    labels = click.labels } }, { multimask = true })
  t.eq(both.prob.shape, { 3, 20, 30, 3 })
  t.eq(both.iou.shape, { 3, 3 })
  local single = net:decode(code, { box, click })
  t.near(difference(single.prob:slice(1, 1, 1), one.prob), 0, 1e-6)
  local again = net:decode(code, { points = click.points, labels = { 0 }, mask = one.low })
  t.ok(difference(again.prob, single.prob:slice(1, 2, 2)) > 0)
end)

t.test("several images, one prompt each", function()
  local net = make { preprocess = "sam" }
  local x = ss.stack(image(24, 40, 3), image(24, 40, 3), { dim = 1 })
  local code = net:encode(x)
  t.eq(code.used, { 19, 32 })
  local y = net:decode(code, { { box = { 0, 0, 9, 9 } }, { box = { 0, 0, 9, 9 } } })
  t.eq(y.prob.shape, { 2, 24, 40, 1 })
  t.near(difference(y.prob:slice(1, 1, 1), y.prob:slice(1, 2, 2)), 0, 1e-6)
end)

t.test("inputs as the two ways make them", function()
  local image2d = require "semisam.models.sam_image2d"
  local flat = ss.full({ 1, 6, 12, 1 }, 200):to "u8"
  local x, used = image2d.input(flat, "sam", 8)
  t.eq(used, { 4, 8 })
  t.near(x:slice(2, 1, 1):slice(3, 1, 1):flat(),
    { (200 - 123.675) / 58.395, (200 - 116.28) / 57.12, (200 - 103.53) / 57.375 }, 1e-5)
  t.eq(x:slice(2, 5, 8):abs():max():item(), 0)
  local y = image2d.input(image(9, 5):reshape { 1, 9, 5, 1 }, "medsam", 8)
  t.eq({ y:min():item(), y:max():item() }, { 0, 1 })
  t.eq(image2d.input(flat, "medsam", 8):max():item(), 0) -- a constant image
end)

t.test("gradients reach every part", function()
  local net = make()
  local code = net:encode_input(ss.uniform({ 2, 32, 32, 3 }, 3))
  local low, iou = net:decode_low(code, { points = ss.full({ 2, 1, 2 }, 9), labels = ss.ones { 2, 1 },
    mask = ss.normal({ 2, 32, 32, 1 }, 4) })
  local loss = low:sum() + iou:sum()
  loss:backward()
  t.ok(net.image_encoder.pos_embed.grad:abs():sum():item() > 0)
  t.ok(net.prompt_encoder.mask_downscaling["0"].weight.grad:abs():sum():item() > 0)
  t.ok(net.prompt_encoder.point_embeddings["1"].weight.grad:abs():sum():item() > 0)
  t.eq(net.prompt_encoder.no_mask_embed.weight.grad, nil)
end)

t.test("bf16 is close to f32", function()
  local net = make()
  local code, prompt = net:encode(image(32, 32)), { box = { 3, 4, 20, 15 } }
  local want = net:decode(code, prompt)
  net:to "bf16"
  local got = net:decode(net:encode(image(32, 32)), prompt)
  t.eq({ got.prob.dtype, got.low.dtype }, { "f32", "f32" })
  t.ok(difference(got.low, want.low) < 0.05 * math.max(1, want.low:abs():max():item()))
end)

t.test("what is refused", function()
  t.raises(function() make { variant = "vit_x" } end, 'unknown variant "vit_x"')
  t.raises(function() make { preprocess = "none" } end, 'unknown preprocess "none"')
  t.raises(function() make { prompt_embed_dim = 20 } end, "width 10 is not a multiple of 8 heads")
  local net = make()
  t.raises(function() net:encode(ss.zeros { 4, 4, 2 }) end, "expected an image %[h,w,1 or 3%]")
  t.raises(function() net:encode_input(ss.zeros { 1, 16, 32, 3 }) end, "expected %[n,32,32,3%]")
  local code = net:encode(image(20, 30))
  local function refused(prompt, text) t.raises(function() net:decode(code, prompt) end, text) end
  refused({}, "a prompt needs points, a box or a mask")
  refused({ boxes = {} }, 'unknown prompt "boxes"')
  refused({ points = { { 1, 2 } } }, "1 points but 0 labels")
  refused({ points = { { 1, 2, 3 } }, labels = { 1 } }, "point 1 must be two numbers")
  refused({ points = { { 1, 2 } }, labels = { 3 } }, "label 1 must be 1 %(inside%) or 0")
  refused({ box = { 1, 2, 3 } }, "a box must be four numbers")
  refused({ mask = ss.zeros { 4, 4 } }, "mask must be logits %[32,32%]")
  local two = net:encode(ss.stack(image(8, 8), image(8, 8), { dim = 1 }))
  t.raises(function() net:decode(two, { box = { 1, 2, 3, 4 } }) end, "2 images but 1 prompts")
end)

t.done()
