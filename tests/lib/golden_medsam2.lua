-- golden_medsam2.lua — the recorded kinds of MedSAM2's networks; those of its predictor are in
-- golden_medsam2_video.lua.
local ss = require "semisam"
local windows = require "semisam.models.windows"
local position = require "semisam.models.sam2_position"
local heads = require "semisam.models.sam2_heads"
local formula = require "semisam.formula"
local G = require "tests.lib.golden"
local P = require "tests.lib.golden_medsam2_parts"

local K = {}

-- A module's first result, channels first, under `name`.
local function tap_first(seen, module, name)
  G.tap(seen, module, name, function(label, results)
    seen[label] = ss.keep(G.first(results[1]:detach()))
  end)
end

local function check(case, report, got) G.check(report, got, case.io, P.limits(case)) end

-- Stages, pyramid and the decoder's inputs; `name` gives the key of each.
local function tap_encoder(got, net, io)
  local trunk = net.image_encoder.trunk
  G.tap(got, trunk.patch_embed, "mid/patch_embed_nhwc")
  for i, block in ipairs(trunk.blocks:children()) do
    local name = ("mid/block%02d_nhwc"):format(i - 1)
    G.tap(got, block, name, function(_, results)
      local y, want = results[1], io[name]
      if want and y:size(1) ~= want:size(1) then -- in windows
        y = windows.join(y, want:size(1), { want:size(2), want:size(3) })
      end
      got[name] = ss.keep(y:copy())
    end)
  end
  local function several(module, name)
    G.tap(got, module, name, function(_, results)
      for i = 1, results.n do
        got[name:format(i - 1)] = ss.keep(G.first(results[i]:detach()))
      end
    end)
  end
  several(trunk, "out/trunk%d_nchw")
  several(net.image_encoder, "out/fpn%d")
end

K.image_encoder = function(case, report)
  local net, got = P.build(report, case), {}
  tap_encoder(got, net, case.io)
  ss.no_grad(function()
    local code = net:encode_image(G.last(case.io["in/image"]))
    for level = 0, 2 do
      local map = got["out/fpn" .. level]
      got["out/pos" .. level] = G.first(position.sine2d(map:size(2), map:size(3), map:size(4)))
    end
    local side = code.feature:size(2) * 4
    got["mid/pos_embed_nhwc"] = net.image_encoder.trunk:position(side, side)
    got["out/high_res_s0"], got["out/high_res_s1"] = G.first(code.s0), G.first(code.s1)
    check(case, report, got)
  end)
end

K.prompt_encoder = function(case, report)
  local net, io = P.build(report, case).sam_prompt_encoder, case.io
  local points = io["in/points_xy_model_pixels"]
  local n = points:size(1)
  ss.no_grad(function()
    check(case, report, {
      ["out/dense_pe"] = G.first(net:dense_pe()),
      ["out/sparse"] = net:points(points, io["in/labels"], true),
      ["out/dense_no_mask"] = G.first(net:dense(nil, n)),
      ["out/dense_from_mask"] = G.first(net:dense(G.last(io["in/mask_logits"]), n)),
      ["out/sparse_empty_prompt"] = net:points(ss.zeros { 1, 1, 2 }, ss.full({ 1, 1 }, -1), true),
    })
  end)
end

local function tap_decoder(got, net)
  local dec = net.sam_mask_decoder
  local forward = dec.transformer.forward
  rawset(dec.transformer, "forward", function(self, q, k, pos)
    got["mid/tokens_in"] = ss.keep(q:copy())
    local side = math.floor(math.sqrt(k:size(2)) + 0.5)
    got["mid/src_in"] = ss.keep(G.first(k:reshape { k:size(1), side, side, k:size(3) }):copy())
    local q_out, k_out = forward(self, q, k, pos)
    got["mid/hs"], got["mid/src_out"] = ss.keep(q_out:copy()), ss.keep(k_out:copy())
    return q_out, k_out
  end)
  for i, layer in ipairs(dec.transformer.layers:children()) do
    local name = "mid/layer" .. i - 1
    G.tap(got, layer, name, function(_, results)
      got[name .. "_queries"], got[name .. "_keys"] = ss.keep(results[1]:copy()),
        ss.keep(results[2]:copy())
    end)
  end
  G.tap(got, dec.output_upscaling["1"], "norm", function(_, results)
    got["mid/upscale_act1"] = ss.keep(G.first(results[1]:gelu()))
  end)
  tap_first(got, dec.output_upscaling, "mid/upscaled")
  G.tap(got, dec, "decoder", function(_, results)
    local c = net.config
    got["mid/all_masks"] = ss.keep(G.first(results[1]))
    got["mid/all_ious"] = ss.keep(c.iou_prediction_use_sigmoid and results[2]:sigmoid()
      or results[2]:copy())
    got["mid/mask_tokens_out"] = ss.keep(results[3]:copy())
    got["mid/stability_score"] = ss.keep(heads.stability(results[1]:slice(4, 1, 1),
      c.stability_delta):reshape { -1, 1 })
  end)
end

-- Features of an image as recorded.
local function code_of(io)
  return { feature = G.last(io["in/backbone_features"]), s0 = G.last(io["in/high_res_s0"]),
    s1 = G.last(io["in/high_res_s1"]) }
end

local function answer_of(got, answer)
  got["out/ious"], got["out/obj_ptr"] = answer.ious, answer.pointer
  got["out/low_res_mask"], got["out/high_res_mask"] = G.first(answer.low), G.first(answer.high)
  got["out/low_res_multimasks"] = G.first(answer.masks)
  got["out/object_score_logits"] = answer.score
end

K.sam_heads = function(case, report)
  local net, io, got = P.build(report, case), case.io, {}
  tap_decoder(got, net)
  ss.no_grad(function()
    local code, mask = code_of(io), io["in/mask_inputs"]
    local prompt = { points = io["in/point_coords"], labels = io["in/point_labels"],
      mask = mask and G.last(mask) }
    local multimask = io["in/multimask_output"]:item() ~= 0
    answer_of(got, net:heads(code.feature, code, prompt, multimask))
    check(case, report, got)
  end)
end

K.mask_as_output = function(case, report)
  local net, got = P.build(report, case), {}
  tap_first(got, net.mask_downsample, "mid/mask_downsampled_for_pointer")
  ss.no_grad(function()
    answer_of(got, net:mask_as_output(code_of(case.io), G.last(case.io["in/mask"])))
    check(case, report, got)
  end)
end

-- [hw, n, c] or [n, hw, c] -> [n, e, e, c].
local function as_map(tokens)
  local side = math.floor(math.sqrt(tokens:size(2)) + 0.5)
  return tokens:reshape { tokens:size(1), side, side, tokens:size(3) }
end

K.memory_encoder = function(case, report)
  local net, io, got = P.build(report, case), case.io, {}
  local encoder = net.memory_encoder
  local steps = encoder.mask_downsampler.encoder
  for i = 1, 10, 3 do
    local name = ("mid/mask_ds_act%02d"):format(i + 1)
    G.tap(got, steps[tostring(i)], name, function(_, results)
      got[name] = ss.keep(G.first(results[1]:gelu()))
    end)
  end
  tap_first(got, encoder.mask_downsampler, "mid/mask_downsampled")
  tap_first(got, encoder.pix_feat_proj, "mid/pix_feat_proj")
  for i, layer in ipairs(encoder.fuser.layers:children()) do
    tap_first(got, layer, "mid/fuser" .. i - 1)
  end
  ss.no_grad(function()
    local feature = as_map(io["in/vision_feat_hwbc"]:permute { 2, 1, 3 })
    local y = net:encode_memory(feature, G.last(io["in/masks_high_res"]),
      io["in/object_score_logits"], io["in/is_mask_from_pts"]:item() ~= 0)
    got["out/maskmem_features"] = G.first(y)
    local n, h, w, c = table.unpack(y.shape)
    got["out/maskmem_pos_enc"] = G.first(position.sine2d(c, h, w):expand { n, h, w, c })
    for name, x in pairs(got) do -- stages were recorded of the first sample only
      local want = io[name]
      if want and want:size(1) < x:size(1) then got[name] = x:slice(1, 1, want:size(1)) end
    end
    check(case, report, got)
  end)
end

-- An attention's result without the residual that it adds.
local function tap_alone(got, module, name)
  local forward = module.forward
  rawset(module, "forward", function(self, ...)
    local y, residual = forward(self, ...), select(7, ...)
    got[name] = ss.keep(y - residual)
    return y
  end)
end

K.memory_attention = function(case, report)
  local net, io, got = P.build(report, case), case.io, {}
  for i, layer in ipairs(net.memory_attention.layers:children()) do
    local name = "mid/layer" .. i - 1
    tap_alone(got, layer.self_attn, name .. "_self_attn_bnc")
    tap_alone(got, layer.cross_attn_image, name .. "_cross_attn_bnc")
    G.tap(got, layer, name .. "_bnc")
  end
  local function batch_first(x) return x:permute { 2, 1, 3 } end
  ss.no_grad(function()
    local x = batch_first(io["in/curr_nbc"])
    local y = net.memory_attention(x, batch_first(io["in/curr_pos_nbc"]),
      batch_first(io["in/memory_nbc"]), batch_first(io["in/memory_pos_nbc"]),
      io["in/num_obj_ptr_tokens"]:item())
    got["out/out_nbc"] = batch_first(y)
    local side = math.floor(math.sqrt(x:size(2)) + 0.5)
    got["mid/rope_cos"], got["mid/rope_sin"] = position.axial(side, net.config.d_model)
    check(case, report, got)
  end)
end

-- The names of the recorded tensors say what was encoded.
K.position_encodings = function(case, report)
  local got = {}
  for name in pairs(case.io) do
    local h, w, c = name:match "^out/sine_(%d+)x(%d+)_c(%d+)$"
    local n, e = name:match "^out/rope_%a+_(%d+)_d(%d+)$"
    local scale, dim = name:match "^out/sine1d_div(%d+)_d(%d+)$"
    if h then
      got[name] = G.first(position.sine2d(tonumber(c), tonumber(h), tonumber(w)))
    elseif n then
      got[name] = select(name:find "cos" and 1 or 2, position.axial(tonumber(n), tonumber(e)))
    elseif scale then
      got[name] = position.sine1d(tonumber(dim), case.io["in/tpos"]:to("f32") / tonumber(scale))
    end
  end
  check(case, report, got)
end

local found, video = pcall(require, "tests.lib.golden_medsam2_video")
if not found then
  if not tostring(video):find("not found", 1, true) then error(video, 0) end
  video = {}
end

-- Every stride-th element of a result, as many as were recorded.
local function sampled(x, stats, want)
  local flat = formula.sample(x, stats.stride)
  return flat:slice(1, 1, math.min(flat.count, want.count))
end

-- The first slice through the image encoder at full size; then the recorded session, which is the
-- predictor's: video.full_size(case, report, net).
K.full_size = function(case, report)
  local net, got, info, io = P.build(report, case), {}, case.info, case.io
  local right, all = P.fill(net, info)
  G.expect(report, right == all, ("formula: %d of %d weights are right"):format(right, all))
  tap_encoder(got, net, case.io)
  ss.no_grad(function()
    local x = P.normalised(P.slices(info, net.config.image_size):slice(1, 1, 1))
    local start = ss.clock()
    local code = net:encode_image(x)
    print(("%s: encoder %.2f s, peak %d MB"):format(report.name, ss.clock() - start,
      ss.memory("cpu").peak // 1000000))
    local made, limits = {}, {}
    got.high_res_s0, got.high_res_s1 = G.first(code.s0), G.first(code.s1)
    got.pos2 = G.first(position.sine2d(net.config.d_model, code.feature:size(2),
      code.feature:size(3)))
    for name, want in pairs(io) do
      local part = name:match "^slice0/(.+)$"
      local map = part and (got[part] or got["out/" .. part] or got[("out/%s_nchw"):format(part)])
      if map then made[name] = sampled(map, info.stats[name], want) end
      if part then
        local s = info.stats[name]
        limits[name] = { abs_limit = 1e-4 * math.max(math.abs(s.min), math.abs(s.max)) }
      end
    end
    G.check(report, made, io, limits)
  end)
  if video.full_size then video.full_size(case, report, net) end
end

for kind, run in pairs(video) do K[kind] = K[kind] or run end

return K
