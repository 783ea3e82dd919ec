-- golden_slicing.lua — the recorded kinds of the Slicing SAM3D student.
local ss = require "semisam"
local models = require "semisam.models"
local sam_vit = require "semisam.models.sam_vit"
local optim = require "semisam.optim"
local G = require "tests.lib.golden"
local kinks = require "tests.lib.golden_kinks"
local formula = require "semisam.formula"

local K = {}

local ENCODER = { "image_size", "patch_size", "embed_dim", "depth", "num_heads", "window_size",
  "global_attn_indexes" }

local function encoder_spec(c)
  local spec = { out_channels = c.out_chans }
  for _, key in ipairs(ENCODER) do spec[key] = c[key] end
  return spec
end

local function student(report, c)
  local spec = encoder_spec(c)
  spec[1], spec.modalities, spec.classes = "slicing_sam3d", c.num_modalities, c.num_classes
  spec.decoder_channels, spec.deep_supervision = c.decoder_channels, true
  return G.network(report, models.new(spec))
end

local function tap_encoder(seen, enc, prefix, want, keep)
  local function tap(module, name, turn)
    G.tap(seen, module, prefix .. name, function(label, results)
      if seen[label] then return end
      local y = keep(results[1]:detach())
      seen[label] = ss.keep(turn and G.first(y) or y)
    end)
  end
  tap(enc.patch_embed, "patch_embed")
  for i, block in ipairs(enc.blocks:children()) do
    local name = "block" .. i - 1
    tap(block, name)
    G.tap_attention(seen, block, prefix .. name, want, keep)
    tap(G.bare(block.mlp, 2), name .. ".mlp")
  end
  tap(enc.neck["0"], "neck0", true)
  tap(enc.neck["2"], "neck2", true)
end

-- Rows of slice 0 of every volume out of [n * d * windows, ...]; a fresh copy.
local function slice0(n, d)
  return function(y)
    local windows = y:size(1) // (n * d)
    local parts = {}
    for b = 1, n do
      local at = (b - 1) * d * windows
      parts[b] = y:slice(1, at + 1, at + windows)
    end
    return ss.cat(table.unpack(parts)):copy()
  end
end

-- What the official blocks repeat at once, ours leave to the next one.
local function doubled(y)
  return y:resize({ y:size(2), 2 * y:size(3), 2 * y:size(4) }, { mode = "nearest" })
end

local function tap_decoder(seen, net)
  local function turned(label, results) seen[label] = ss.keep(G.first(results[1]:detach())) end
  local function twice(label, results) turned(label, { doubled(results[1]:detach()) }) end
  for level = 5, 2, -1 do
    local block = net["decoder" .. level]
    G.tap(seen, block, "mid.decoder" .. level, twice)
    G.tap(seen, block.conv1, ("mid.dec%d.conv1"):format(level), turned)
    G.tap(seen, block.downsample, ("mid.dec%d.residual"):format(level), level < 5 and twice or turned)
    G.tap(seen, block.conv2, ("mid.dec%d.conv2"):format(level), function(label, results)
      seen[label] = ss.keep(G.first(results[1]:detach():instance_norm())) -- its norm is fused
    end)
  end
end

K.student = function(case, report)
  local io, info, seen = case.io, case.info, {}
  local net = student(report, info.config)
  net:load_state(case.weights)
  local x = G.last(io["in.volume"])
  tap_encoder(seen, net.image_encoder, "mid.slice0.enc.", io, slice0(x:size(1), x:size(2)))
  tap_decoder(seen, net)
  ss.no_grad(function()
    local features = net:encode(x)
    local logits = net:decode(features)
    seen["mid.features"] = G.first(features)
    seen["out.logits"] = G.first(logits[1])
    seen["out.logits_ds2"] = G.first(logits[2])
    seen["out.logits_ds3"] = G.first(logits[3])
    seen["out.softmax"] = G.first(logits[1]:softmax(-1))
    G.check(report, seen, io, info.tolerances)
  end)
end

K.encoder = function(case, report)
  local io, info, seen = case.io, case.info, {}
  local enc = G.network(report, sam_vit.encoder(encoder_spec(info.config)))
  enc:load_state(case.weights)
  tap_encoder(seen, enc, "mid.enc.", io, function(y) return y:copy() end)
  local x = ss.keep(G.last(io["in.slice"]):copy():requires_grad_(true))
  local y = enc(x)
  seen["out.embedding"] = G.first(y:detach())
  G.check(report, seen, io, info.tolerances)
  G.backward(y, G.last(io["in.grad_y"]):copy())
  local grads = {}
  G.grads(grads, enc, "")
  grads["grad.in.slice"] = G.first(G.grad(x))
  G.check(report, grads, case.grads, info.grad_tolerances)
end

K.encoder_from_checkpoint = function(case, report)
  local io, info, seen = case.io, case.info, {}
  local net = student(report, info.config)
  net:load_encoder(case.weights)
  local enc = net.image_encoder
  for name, t in enc:named_parameters() do
    local block, axis = name:match("^blocks%.(%d+)%.attn%.rel_pos_(%a)$")
    if block then seen[("mid.resized.block%s.rel_pos_%s"):format(block, axis)] = t end
  end
  seen["mid.resized.pos_embed"] = enc.pos_embed
  tap_encoder(seen, enc, "mid.enc.", io, function(y) return y:copy() end)
  ss.no_grad(function()
    seen["out.embedding"] = G.first(enc(G.last(io["in.slice"])))
    G.check(report, seen, io, info.tolerances)
  end)
end

-- CE_i + DICE_i of the official trainer: negated soft Dice per sample over the foreground classes.
local function term(logits, target, batch_dice)
  local n, k = logits:size(1), logits:size(5)
  local index = target:to("i64"):reshape { n, target:size(2), target:size(3), target:size(4) }
  local ce = logits:cross_entropy(index)
  local p, t = logits:softmax(-1), index:one_hot(k):to("f32")
  local rows = batch_dice and 1 or n
  local function over(x) return x:reshape { rows, -1, k }:sum { dims = { 2 } } end
  local tp, fp, fn = over(p * t), over(p * (1 - t)), over((1 - p) * t)
  local dc = (tp * 2 + 1e-5) / (tp * 2 + fp + fn + (1e-5 + 1e-8))
  return ce - dc:slice(2, 2, k):mean()
end

K.decoder_training = function(case, report)
  local io, info, got = case.io, case.info, {}
  local net = student(report, info.config)
  net:load_state(case.weights, { strict = false })
  local features = ss.keep(G.last(io["in.features"]):copy():requires_grad_(true))
  local logits, total = net:decode(features), nil
  for i, weight in ipairs { 4 / 7, 2 / 7, 1 / 7 } do
    local loss = term(logits[i], G.last(io["in.target" .. i - 1]), info.config.batch_dice)
    got["out.loss_term" .. i - 1] = loss:detach():reshape { 1 }
    total = total and total + loss * weight or loss * weight
  end
  got["out.loss"] = total:detach():reshape { 1 }
  got["out.logits"] = G.first(logits[1]:detach())
  got["out.logits_ds2"] = G.first(logits[2]:detach())
  got["out.logits_ds3"] = G.first(logits[3]:detach())
  G.check(report, got, io, info.tolerances)
  G.backward(total)
  local grads = {}
  G.grads(grads, net, "")
  grads["grad.in.features"] = G.first(G.grad(features))
  G.check(report, grads, case.grads, info.grad_tolerances)
  local opt = optim.sgd(net, { lr = 1e-2, momentum = 0.99, nesterov = true, weight_decay = 3e-5,
    clip_norm = 12 })
  local _, step = opt:step()
  local norm = info.grad_norm_before_clip
  local part = kinks.part(report.name, "gradient norm") or 1e-5
  G.expect_f32(report, math.abs(step.norm - norm) <= part * norm,
    ("gradient norm %.8g, want %.8g"):format(step.norm, norm))
  local state = net:state()
  for name, want in pairs(case.after) do
    local worst = (state[name] - want):abs():max():item()
    G.expect_f32(report, worst <= 1e-6 * math.max(1, want:abs():max():item()),
      ("after_step %s differs by %.3g"):format(name, worst))
  end
end

-- Samples of the stages, by the strides in case.json.
local function sampled(got, strides)
  local samples = {}
  for name, k in pairs(strides) do
    if got[name] then samples["sample." .. name] = formula.sample(got[name], k) end
  end
  return samples
end

K.full_size = function(case, report)
  local info, got = case.info, {}
  local c = info.config
  local net = G.network(report, models.new { "slicing_sam3d", image_size = c.image_size,
    classes = c.num_classes, deep_supervision = true })
  formula.fill(net)
  local x = G.last(formula.tensor("input", info.input_shape, 1))
  for i, block in ipairs(net.image_encoder.blocks:children()) do
    local name = "slice0.enc.block" .. i - 1
    G.tap(got, block, name, function(label, results)
      if label == name then got[name] = ss.keep(results[1]:slice(1, 1, 1):copy()) end
    end)
  end
  for level = 5, 2, -1 do
    local name = "decoder" .. level
    G.tap(got, net[name], name, function(_, results)
      got[name] = ss.keep(formula.sample(G.first(doubled(results[1])), info.sample_stride[name]))
    end)
  end
  local start = ss.clock()
  ss.no_grad(function()
    local features = net:encode(x)
    local encoded = ss.clock()
    local logits = net:decode(features)
    print(("%s: encoder %.1f s, decoder %.1f s, peak %d MB"):format(report.name, encoded - start,
      ss.clock() - encoded, ss.memory("cpu").peak // 1000000))
    got.features, got.logits = G.first(features), G.first(logits[1])
    got.logits_ds2, got.logits_ds3 = G.first(logits[2]), G.first(logits[3])
    local samples = sampled(got, info.sample_stride)
    for level = 5, 2, -1 do samples["sample.decoder" .. level] = got["decoder" .. level] end
    G.check(report, samples, case.io, info.tolerances)
  end)
end

return K
