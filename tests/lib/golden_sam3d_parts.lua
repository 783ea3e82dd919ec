-- golden_sam3d_parts.lua — building, tapping and addressing SAM-Med3D for its recorded cases.
local ss = require "semisam"
local models = require "semisam.models"
local windows = require "semisam.models.windows"
local G = require "tests.lib.golden"
local formula = require "semisam.formula"

local P = {}

local OPTIONS = { "img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio",
  "window_size", "global_attn_indexes", "use_abs_pos", "prompt_embed_dim", "mask_in_chans",
  "num_multimask_outputs", "decoder_depth", "decoder_num_heads", "decoder_mlp_dim",
  "attention_downsample_rate", "iou_head_depth", "iou_head_hidden_dim" }

function P.build(report, case)
  local spec = { "sam_med3d" }
  for _, key in ipairs(OPTIONS) do spec[key] = case.info.config[key] end
  return G.network(report, models.new(spec))
end

-- Recorded attention outputs are in window layout with the rows of padding; ours are the grid.
-- `want` gets the recorded ones as grids. qkv in window layout is computed here from norm1.
function P.tap_encoder(seen, enc, want)
  G.tap(seen, enc.patch_embed, "mid.enc.patch_embed")
  for i, block in ipairs(enc.blocks:children()) do
    local name = ("mid.enc.block%d"):format(i - 1)
    G.tap(seen, block, name)
    G.tap_attention(seen, block, name, want, ss.keep)
    G.tap(seen, G.bare(block.mlp, 2), name .. ".mlp")
  end
  for _, i in ipairs { "0", "2" } do
    G.tap(seen, enc.neck[i], "mid.enc.neck" .. i, function(label, results)
      seen[label] = ss.keep(G.first(results[1]:detach()))
    end)
  end
end

---Attention outputs of windowed blocks as recorded at the full size: of the padded windows, padding
---rows included. The network computes no such rows; here the layer runs on windows filled with zeros.
function P.tap_windows(seen, enc)
  for i, block in ipairs(enc.blocks:children()) do
    local name, attn = ("mid.enc.block%d.attn"):format(i - 1), getmetatable(block.attn).__index
    if block.window > 0 then
      G.tap(seen, block.norm1, name, function(label, results)
        local cut = windows.split(windows.pad(results[1]:detach(), block.window), block.window)
        seen[label] = ss.keep(ss.no_grad(attn.forward, block.attn, cut, 0))
      end)
    end
  end
end

-- The recorded tensors of the decoder; `masks` and `iou` are those of all tokens.
function P.tap_decoder(seen, net)
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
function P.chosen(masks, iou, multimask)
  local from, to = 1, 1
  if multimask then from, to = 2, masks:size(5) end
  return masks:slice(5, from, to), iou:slice(2, from, to)
end

function P.full(low, size) return low:resize({ size, size, size }, { mode = "linear" }) end

-- Official volumes are a0, a1, a2; the network's door wants a2, a1, a0.
function P.to_door(image) return G.last(image):permute { 1, 4, 3, 2, 5 } end

---Encode, prompts, masks: the recorded results of kind "prompted" by name.
---@param image tensor [n, 1, s, s, s]
function P.prompted(net, image, io, info)
  local code = net:encode(P.to_door(image))
  local mask = io["in.mask"] and G.last(io["in.mask"])
  local points, labels = io["in.points"], io["in.labels"]
  local masks, iou = net:decode_low(code, points, labels, mask)
  local low, low_iou = P.chosen(masks, iou, info.config.multimask_output)
  local p = mask and mask:size(1) or points:size(1)
  return { ["out.image_embedding"] = G.first(code.embedding),
    ["mid.prompt.dense_pe"] = G.first(code.pe),
    ["out.low_res_masks"] = G.first(low), ["out.iou"] = low_iou,
    ["out.full_res_masks"] = G.first(P.full(low, info.config.img_size)),
    ["mid.prompt.dense"] = G.first(net.prompt_encoder:dense(mask, p)),
    ["mid.prompt.sparse"] = points and net.prompt_encoder:sparse(points, labels)
      or ss.zeros { p, 0, info.config.prompt_embed_dim } }
end

-- Name in the recorded samples of a tensor kept by the taps.
local function sample_name(name)
  return (name:gsub("^mid%.", ""):gsub("^dec%.", ""))
end

---The kind "full_size": weights and input by the formula, two answers, samples of every stage.
---@param tap fun(seen: table, encoder: table) keeps the encoder's stages
function P.full_size(case, report, net, tap)
  local info, seen, io = case.info, {}, case.io
  formula.fill(net)
  local image = formula.tensor("input", { 1, 1, 128, 128, 128 }, 1)
  ss.no_grad(function()
    local start = ss.clock()
    local code = net:encode(P.to_door(image))
    local encoded = ss.clock()
    net:decode_low(code, io["in.points"], io["in.labels"])
    print(("%s: encoder %.2f s, prompts and decoder %.2f s, peak %d MB"):format(report.name,
      encoded - start, ss.clock() - encoded, ss.memory("cpu").peak // 1000000))
    tap(seen, net.image_encoder)
    P.tap_decoder(seen, net)
    code = net:encode(P.to_door(image))
    local masks, iou = net:decode_low(code, io["in.points"], io["in.labels"])
    local got = { image_embedding = G.first(code.embedding), masks_all = G.first(masks),
      iou_all = iou, sparse = net.prompt_encoder:sparse(io["in.points"], io["in.labels"]) }
    for name, x in pairs(seen) do got[sample_name(name)] = got[sample_name(name)] or x end
    local mask = masks:slice(5, 1, 1)
    local again, again_iou = net:decode_low(code, io["in.points"], io["in.labels"], mask)
    local low = again:slice(5, 1, 1)
    got["second.dense"] = G.first(net.prompt_encoder:dense(mask, 1))
    got["second.low_res_masks"], got["second.iou"] = G.first(low), again_iou:slice(2, 1, 1)
    got["second.full_res_masks"] = G.first(P.full(low, 128))
    local samples = {}
    for name, k in pairs(info.sample_stride) do
      if got[name] then samples["sample." .. name] = formula.sample(got[name], k) end
    end
    G.check(report, samples, io, info.tolerances)
  end)
end

return P
