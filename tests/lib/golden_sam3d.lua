-- golden_sam3d.lua — the recorded kinds of SAM-Med3D.
local ss = require "semisam"
local models = require "semisam.models"
local PromptEncoder = require "semisam.models.sam_prompt3d"
local attend = require "semisam.models.attend"
local optim = require "semisam.optim"
local G = require "tests.lib.golden"
local formula = require "tests.lib.golden_formula"

local K = {}

local OPTIONS = { "img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio",
  "window_size", "global_attn_indexes", "use_abs_pos", "prompt_embed_dim", "mask_in_chans",
  "num_multimask_outputs", "decoder_depth", "decoder_num_heads", "decoder_mlp_dim",
  "attention_downsample_rate", "iou_head_depth", "iou_head_hidden_dim" }

local function build(case)
  local spec = { "sam_med3d" }
  for _, key in ipairs(OPTIONS) do spec[key] = case.info.config[key] end
  local net = models.new(spec)
  return net
end

-- Recorded attention outputs are in window layout with the rows of padding; ours are the grid.
-- `want` gets the recorded ones as grids. qkv in window layout is computed here from norm1.
local function tap_encoder(seen, enc, want)
  G.tap(seen, enc.patch_embed, "mid.enc.patch_embed")
  for i, block in ipairs(enc.blocks:children()) do
    local name = ("mid.enc.block%d"):format(i - 1)
    G.tap(seen, block, name)
    G.tap_attention(seen, block, name, want, ss.keep)
    G.tap(seen, block.mlp, name .. ".mlp")
  end
  for _, i in ipairs { "0", "2" } do
    G.tap(seen, enc.neck[i], "mid.enc.neck" .. i, function(label, results)
      seen[label] = ss.keep(G.first(results[1]:detach()))
    end)
  end
end

-- The recorded tensors of the decoder; `masks` and `iou` are those of all tokens.
local function tap_decoder(seen, net)
  local dec, prompt = net.mask_decoder, net.prompt_encoder
  local function turned(label, results) seen[label] = ss.keep(G.first(results[1]:detach())) end
  for _, i in ipairs { "0", "3", "4" } do
    G.tap(seen, prompt.mask_downscaling[i], "mid.prompt.mask_downscaling" .. i, turned)
  end
  local function two(name)
    return function(label, results)
      local extra = label:sub(#name + 1)
      seen[name .. ".queries" .. extra] = ss.keep(results[1]:detach())
      seen[name .. ".keys" .. extra] = ss.keep(results[2]:detach())
    end
  end
  for i, layer in ipairs(dec.transformer.layers:children()) do
    local name = ("mid.dec.layer%d"):format(i - 1)
    G.tap(seen, layer, name, two(name))
    G.tap(seen, layer.self_attn, name .. ".self_attn")
    G.tap(seen, layer.cross_attn_token_to_image, name .. ".token_to_image")
    G.tap(seen, layer.mlp, name .. ".mlp")
    G.tap(seen, layer.cross_attn_image_to_token, name .. ".image_to_token")
  end
  G.tap(seen, dec.transformer.final_attn_token_to_image, "mid.dec.final_attn")
  G.tap(seen, dec.transformer.norm_final_attn, "mid.dec.norm_final_attn")
  G.tap(seen, dec.output_upscaling["3"], "mid.dec.upscaling3", turned)
  for i, head in ipairs(dec.output_hypernetworks_mlps:children()) do
    local name = "mid.dec.hyper" .. i - 1
    G.tap(seen, head, name, function(label, results)
      local y = results[1]:detach()
      seen[label] = ss.keep(y:reshape { y:size(1), y:size(3) })
    end)
  end
  G.tap(seen, dec, "mid.dec", function(label, results)
    local extra = label:sub(#"mid.dec" + 1)
    seen["mid.dec.masks_all" .. extra] = ss.keep(G.first(results[1]:detach()))
    seen["mid.dec.iou_all" .. extra] = ss.keep(results[2]:detach())
  end)
end

-- The recorded answer: token 0, or tokens 1.. with multimask_output.
local function chosen(masks, iou, multimask)
  local from, to = 1, 1
  if multimask then from, to = 2, masks:size(5) end
  return masks:slice(5, from, to), iou:slice(2, from, to)
end

local function full(low, size) return low:resize({ size, size, size }, { mode = "linear" }) end

-- Official volumes are a0, a1, a2; the network's door wants a2, a1, a0.
local function to_door(image) return G.last(image):permute { 1, 4, 3, 2, 5 } end

K.prompted = function(case, report)
  local net, seen, io, info = build(case), {}, case.io, case.info
  net:load_state(case.weights)
  tap_encoder(seen, net.image_encoder, io)
  tap_decoder(seen, net)
  ss.no_grad(function()
    local code = net:encode(to_door(io["in.image"]))
    local mask = io["in.mask"] and G.last(io["in.mask"])
    local masks, iou = net:decode_low(code, io["in.points"], io["in.labels"], mask)
    local low, low_iou = chosen(masks, iou, info.config.multimask_output)
    local got = { ["out.image_embedding"] = G.first(code.embedding),
      ["mid.prompt.dense_pe"] = G.first(code.pe),
      ["out.low_res_masks"] = G.first(low), ["out.iou"] = low_iou,
      ["out.full_res_masks"] = G.first(full(low, info.config.img_size)) }
    local p = mask and mask:size(1) or io["in.points"]:size(1)
    got["mid.prompt.dense"] = G.first(net.prompt_encoder:dense(mask, p))
    if not io["in.points"] then
      got["mid.prompt.sparse"] = ss.zeros { p, 0, info.config.prompt_embed_dim }
    else
      got["mid.prompt.sparse"] = net.prompt_encoder:sparse(io["in.points"], io["in.labels"])
    end
    for name, value in pairs(seen) do got[name] = value end
    G.check(report, got, io, info.tolerances)
  end)
end

-- R[u, v] = rows[u - v + n - 1].
local function relative(rows, n)
  local index = {}
  for u = 0, n - 1 do
    for v = 0, n - 1 do index[#index + 1] = u - v + n - 1 end
  end
  return rows:index_select(ss.tensor(index, { dtype = "i64" }), 1):reshape { n, n, rows:size(2) }
end

K.encoder = function(case, report)
  local net, seen, info = build(case), {}, case.info
  local enc = net.image_encoder
  enc:load_state(case.weights)
  tap_encoder(seen, enc, case.io)
  ss.no_grad(function()
    seen["out.image_embedding"] = G.first(enc(G.last(case.io["in.image"])))
    for i, block in ipairs(enc.blocks:children()) do
      local tokens = seen["mid.enc.patch_embed"]:size(2)
      for _, axis in ipairs { "d", "h", "w" } do
        seen[("mid.enc.block%d.R%s"):format(i - 1, axis)] =
          relative(attend.table_for(block.attn["rel_pos_" .. axis], tokens), tokens)
      end
    end
    G.check(report, seen, case.io, info.tolerances)
  end)
end

K.prompt_encoder = function(case, report)
  local c, io = case.info.config, case.io
  local net = PromptEncoder(c.embed_dim, c.image_embedding_size, c.input_image_size,
    c.mask_in_chans)
  net:load_state(case.weights)
  ss.no_grad(function()
    G.check(report, {
      ["out.dense_pe"] = G.first(net:dense_pe()),
      ["out.sparse"] = net:sparse(io["in.points"], io["in.labels"]),
      ["out.dense_mask"] = G.first(net:dense(G.last(io["in.mask"]), 2)),
      ["out.dense_nomask"] = G.first(net:dense(nil, 2)),
    }, io, case.info.tolerances)
  end)
end

K.click_sequence = function(case, report)
  local net, io, info = build(case), case.io, case.info
  net:load_state(case.weights)
  ss.no_grad(function()
    local code = net:encode(to_door(io["in.image"]))
    local g = 4 * (info.config.img_size // info.config.patch_size)
    local mask, got = ss.zeros { 1, g, g, g, 1 }, {}
    got["mid.image_embedding"] = G.first(code.embedding)
    for k = 1, io["in.points"]:size(2) do
      local masks, iou = net:decode_low(code, io["in.points"]:slice(2, 1, k),
        io["in.labels"]:slice(2, 1, k), mask)
      local low, low_iou = chosen(masks, iou, false)
      local name = ("out.click%d."):format(k - 1)
      got[name .. "low_res_masks"], got[name .. "iou"] = G.first(low), low_iou
      mask = low
    end
    local prob = full(mask, info.config.img_size):sigmoid()
    got["out.prob"] = G.first(prob)
    G.check(report, got, io, info.tolerances)
    local wrong = G.first(prob:gt(0.5):to("f32") - G.last(io["out.seg"]:to("f32"))):abs():sum()
    G.expect(report, wrong:item() <= 6, ("out.seg: %g voxels differ"):format(wrong:item()))
  end)
end

-- MONAI's DiceCELoss(sigmoid, squared_pred) on [b, d, h, w, 1].
local function dice_ce(logits, target)
  local p, b = logits:sigmoid(), logits:size(1)
  local function over(x) return x:reshape { b, -1 }:sum { dims = { 2 } } end
  local dice = 1 - (over(p * target) * 2 + 1e-5) / (over(target * target) + over(p * p) + 1e-5)
  return dice:mean() + logits:bce_with_logits(target)
end

-- Limits of after_step: |g| > 1e-6 is held to 1e-3 lr + 1e-6 |value|, the rest to 1.01 lr around
-- the decayed value (the first step of Adam is lr times the sign of the gradient).
local function check_step(report, name, now, before, grad, want, lr)
  local worst = 0
  now, before, want = now:flat(), before:flat(), want:flat()
  for i = 1, #want do
    local limit = 1e-3 * lr + 1e-6 * math.abs(want[i])
    local target = want[i]
    if math.abs(grad and grad[i] or 0) <= 1e-6 then
      limit, target = 1.01 * lr + 1e-6, before[i] * (1 - 0.1 * lr)
    end
    worst = math.max(worst, math.abs(now[i] - target) / limit)
  end
  G.expect(report, worst <= 1, ("after_step %s: %.3g of the limit"):format(name, worst))
end

local function unmoved(a, b) return (a - b):abs():sum():item() == 0 end

local LR = { ["^image_encoder%."] = 8e-4, ["."] = 8e-5 }

K.interactive_training = function(case, report)
  local net, io, info = build(case), case.io, case.info
  net:load_state(case.weights)
  local image = ss.keep(to_door(io["in.image"]):copy():requires_grad_(true))
  local target = G.last(io["in.target"]:to("f32"))
  local code = net:encode(image)
  local embedding = code.embedding -- cut here to see its gradient; joined again after backward
  code.embedding = ss.keep(embedding:detach():requires_grad_(true))
  local c, got, total = info.config, {}, nil
  local g = 4 * (c.img_size // c.patch_size)
  local mask = ss.zeros { 2, g, g, g, 1 }
  got["mid.image_embedding"] = G.first(code.embedding:detach())
  for step = 0, 2 do
    local name = ("step%d."):format(step)
    local masks = net:decode_low(code, io["in." .. name .. "points"], io["in." .. name .. "labels"],
      mask)
    mask = masks:slice(5, 1, 1)
    local loss = dice_ce(full(mask, c.img_size), target)
    got["out." .. name .. "low_res_masks"] = G.first(mask:detach())
    got["out." .. name .. "loss"] = loss:detach():reshape { 1 }
    total = total and total + loss or loss
  end
  got["out.loss"] = total:detach():reshape { 1 }
  G.check(report, got, io, info.tolerances)
  total:backward()
  embedding:backward(code.embedding.grad)
  local grads = {}
  G.grads(grads, net, "")
  grads["grad.mid.image_embedding"] = G.first(code.embedding.grad)
  grads["grad.in.image"] = G.first(image.grad:permute { 1, 4, 3, 2, 5 })
  G.check(report, grads, case.grads, info.grad_tolerances)
  for _, name in ipairs(info.parameters_without_grad) do
    G.expect(report, not grads["grad." .. name], name .. " has a gradient, want none")
  end
  local before = {}
  for name, p in net:named_parameters() do before[name] = p:detach():copy() end
  local flat = {}
  for name, x in pairs(grads) do flat[name] = x:flat() end
  local opt = optim.adamw(net, { lr = 8e-5, weight_decay = 0.1,
    groups = { { "^image_encoder%.", lr = 8e-4 } } })
  opt:step()
  local state = net:state()
  for name, want in pairs(case.after) do
    local lr = name:find("^image_encoder%.") and LR["^image_encoder%."] or LR["."]
    if not flat["grad." .. name] then
      G.expect(report, unmoved(state[name], before[name]), "after_step " .. name .. " moved")
    else
      check_step(report, name, state[name], before[name], flat["grad." .. name], want, lr)
    end
  end
end

-- Name in the recorded samples of a tensor kept by the taps.
local function sample_name(name)
  return (name:gsub("^mid%.", ""):gsub("^dec%.", ""))
end

K.full_size = function(case, report)
  local info, seen, io = case.info, {}, case.io
  local net = models.new { "sam_med3d" }
  formula.fill(net)
  local image = formula.tensor("input", { 1, 1, 128, 128, 128 }, 1)
  tap_encoder(seen, net.image_encoder, {})
  tap_decoder(seen, net)
  local function second(name, x, got) got["second." .. name] = x end
  ss.no_grad(function()
    local start = ss.clock()
    local code = net:encode(to_door(image))
    local encoded = ss.clock()
    local masks, iou = net:decode_low(code, io["in.points"], io["in.labels"])
    print(("%s: encoder %.1f s, prompts and decoder %.2f s, peak %d MB"):format(report.name,
      encoded - start, ss.clock() - encoded, ss.memory("cpu").peak // 1000000))
    local got = { image_embedding = G.first(code.embedding), masks_all = G.first(masks),
      iou_all = iou, sparse = net.prompt_encoder:sparse(io["in.points"], io["in.labels"]) }
    for name, x in pairs(seen) do got[sample_name(name)] = got[sample_name(name)] or x end
    local mask = masks:slice(5, 1, 1)
    local again, again_iou = net:decode_low(code, io["in.points"], io["in.labels"], mask)
    local low = again:slice(5, 1, 1)
    second("dense", G.first(net.prompt_encoder:dense(mask, 1)), got)
    second("low_res_masks", G.first(low), got)
    second("iou", again_iou:slice(2, 1, 1), got)
    second("full_res_masks", G.first(full(low, 128)), got)
    local samples, skip = {}, {}
    for name, k in pairs(info.sample_stride) do
      if name:find("%.attn$") and got[name] and case.io["sample." .. name]:size(1)
        ~= (got[name].count + k - 1) // k then
        skip["sample." .. name] = "recorded with the rows of padding, which are not computed here"
      elseif got[name] then
        samples["sample." .. name] = formula.sample(got[name], k)
      end
    end
    G.check(report, samples, io, info.tolerances, skip)
  end)
end

return K
