-- golden_sam3d_parts.lua — building, tapping and addressing SAM-Med3D for its recorded cases.
local ss = require "semisam"
local models = require "semisam.models"
local G = require "tests.lib.golden"

local P = {}

local OPTIONS = { "img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio",
  "window_size", "global_attn_indexes", "use_abs_pos", "prompt_embed_dim", "mask_in_chans",
  "num_multimask_outputs", "decoder_depth", "decoder_num_heads", "decoder_mlp_dim",
  "attention_downsample_rate", "iou_head_depth", "iou_head_hidden_dim" }

function P.build(case)
  local spec = { "sam_med3d" }
  for _, key in ipairs(OPTIONS) do spec[key] = case.info.config[key] end
  local net = models.new(spec)
  return net
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

return P
