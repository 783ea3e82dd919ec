-- golden_medsam2d.lua — the recorded kinds of SAM and MedSAM for images.
local ss = require "semisam"
local models = require "semisam.models"
local G = require "tests.lib.golden"
local formula = require "semisam.formula"

local K = {}

local OPTIONS = { "image_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio",
  "window_size", "global_attn_indexes", "mask_in_chans", "num_multimask_outputs", "decoder_depth",
  "decoder_num_heads", "decoder_mlp_dim", "attention_downsample_rate", "iou_head_depth",
  "iou_head_hidden_dim" }

local function build(report, config)
  local spec = { "medsam2d", prompt_embed_dim = config.out_chans, variant = config.builder }
  for _, key in ipairs(OPTIONS) do spec[key] = config[key] end
  return G.network(report, models.new(spec))
end

local function prompt_of(io)
  return { points = io["in.points"], labels = io["in.labels"], box = io["in.box"],
    mask = io["in.mask"] and G.last(io["in.mask"]) }
end

-- The recorded answer: token 0, or tokens 1.. with multimask_output.
local function chosen(masks, iou, multimask)
  local from, to = 1, 1
  if multimask then from, to = 2, masks:size(4) end
  return masks:slice(4, from, to), iou:slice(2, from, to)
end

-- Keeps the sparse tokens and the dense prompt that reach the decoder.
local function tap_prompts(seen, net)
  local forward = net.mask_decoder.forward
  rawset(net.mask_decoder, "forward", function(self, embedding, pe, sparse, dense)
    seen["mid.sparse"], seen["mid.dense"] = ss.keep(sparse), ss.keep(G.first(dense))
    return forward(self, embedding, pe, sparse, dense)
  end)
end

K.prompted = function(case, report)
  local io, config, got = case.io, case.info.config, {}
  local net = build(report, config)
  net:load_state(case.weights)
  tap_prompts(got, net)
  ss.no_grad(function()
    local code = net:encode_input(G.last(io["in.image"]))
    local low, iou = net:decode_low(code, prompt_of(io))
    low, iou = chosen(low, iou, config.multimask_output)
    got["mid.embedding"], got["mid.dense_pe"] = G.first(code.embedding), G.first(code.pe)
    got["out.low_res_masks"], got["out.iou"] = G.first(low), iou
    got["out.prob"] = G.first(low:sigmoid():resize(config.out_size))
    G.check(report, got, io, case.info.tolerances)
  end)
end

-- MONAI's DiceCELoss(sigmoid, squared_pred) on [b, h, w, 1].
local function dice_ce(logits, target)
  local p, b = logits:sigmoid(), logits:size(1)
  local function over(x) return x:reshape { b, -1 }:sum { dims = { 2 } } end
  local dice = 1 - (over(p * target) * 2 + 1e-5) / (over(target * target) + over(p * p) + 1e-5)
  return dice:mean() + logits:bce_with_logits(target)
end

K.training = function(case, report)
  local io, info, got = case.io, case.info, {}
  local net = build(report, info.config)
  net:load_state(case.weights)
  net.prompt_encoder:freeze()
  local image = ss.keep(G.last(io["in.image"]):copy():requires_grad_(true))
  local low = net:decode_low(net:encode_input(image), prompt_of(io)):slice(4, 1, 1)
  local s = info.config.image_size
  local full = low:resize { s, s }
  local loss = dice_ce(full, G.last(io["in.target"]:to("f32")))
  got["out.low_res_masks"], got["out.full_res_masks"] = G.first(low:detach()), G.first(full:detach())
  got["out.loss"] = loss:detach():reshape { 1 }
  G.check(report, got, io, info.tolerances)
  G.backward(loss)
  local grads = { ["grad.in.image"] = G.first(G.grad(image)) }
  G.grads(grads, net, "")
  G.check(report, grads, case.grads, info.grad_tolerances)
  for _, name in ipairs(info.parameters_without_grad) do
    G.expect(report, not grads["grad." .. name], name .. " has a gradient, want none")
  end
end

K.full_size = function(case, report)
  local info, io, got = case.info, case.io, {}
  local net = build(report, info.config)
  formula.fill(net)
  tap_prompts(got, net)
  for i, block in ipairs(net.image_encoder.blocks:children()) do
    G.tap(got, block, "enc.block" .. i - 1)
  end
  local x = G.last(formula.tensor("input", info.input_shape, 1))
  ss.no_grad(function()
    local start = ss.clock()
    local code = net:encode_input(x)
    local encoded = ss.clock()
    local low, iou = net:decode_low(code, prompt_of(io))
    print(("%s: encoder %.1f s, prompts and decoder %.2f s, peak %d MB"):format(report.name,
      encoded - start, ss.clock() - encoded, ss.memory("cpu").peak // 1000000))
    low, iou = chosen(low, iou, false)
    got.image_embedding, got.low_res_masks, got.iou = G.first(code.embedding), G.first(low), iou
    got.sparse = got["mid.sparse"]
    local samples = {}
    for name, k in pairs(info.sample_stride) do
      samples["sample." .. name] = formula.sample(got[name], k)
    end
    G.check(report, samples, io, info.tolerances)
  end)
end

return K
