-- golden_tiny_parts.lua — building and tapping Tiny SAM-Med3D for its recorded cases.
local ss = require "semisam"
local models = require "semisam.models"
local tiny_vit3d = require "semisam.models.tiny_vit3d"
local windows = require "semisam.models.windows"
local G = require "tests.lib.golden"

local P = {}

local OPTIONS = { "img_size", "embed_dims", "depths", "num_heads", "window_sizes", "merge_strides",
  "moe", "num_experts", "slots_per_expert", "mlp_ratio", "mbconv_expand_ratio", "local_conv_size",
  "prompt_embed_dim", "mask_in_chans", "num_multimask_outputs", "decoder_depth",
  "decoder_num_heads", "decoder_mlp_dim", "attention_downsample_rate", "iou_head_depth",
  "iou_head_hidden_dim" }

---The network of a case, in evaluation mode.
function P.build(report, case)
  local spec = { "tiny_sam_med3d" }
  for _, key in ipairs(OPTIONS) do spec[key] = case.info.config[key] end
  return G.network(report, models.new(spec):eval())
end

---One attention block, in evaluation mode, without weights.
function P.block(report, c)
  local opts = {}
  for key, value in pairs(tiny_vit3d.DEFAULTS) do opts[key] = value end
  for key in pairs(opts) do
    if c[key] ~= nil then opts[key] = c[key] end
  end
  return G.network(report, tiny_vit3d.block(c.dim, c.num_heads, c.window, opts):eval())
end

local function tokens(x) return x:reshape { x:size(1), -1, x:size(x.ndim) } end
local function as_tokens(seen)
  return function(label, results) seen[label] = ss.keep(tokens(results[1]:detach())) end
end
local function as_volume(seen)
  return function(label, results) seen[label] = ss.keep(G.first(results[1]:detach())) end
end

---The stages of an attention layer as the official code goes through them, padding included:
---name.norm, name.qkv and name itself in window layout, and windows under `windows_name`.
local function official_windows(seen, attn, x, name, windows_name)
  local n, r, w = x:size(1), x:size(2), attn.window
  local cut = tokens(windows.split(windows.pad(x, w), w))
  local normed = attn.norm(cut)
  if windows_name then seen[windows_name] = ss.keep(cut) end
  seen[name .. ".norm"], seen[name .. ".qkv"] = ss.keep(normed), ss.keep(attn.qkv(normed))
  local y = attn:windowed(x:reshape { n, r * r * r, -1 }, r, "windows")
  seen[name] = ss.keep(attn.proj(y):detach():reshape(cut.shape))
end

---Taps of one attention block; names as recorded, `prefix` "mid.enc.layer1.block0." or "mid.".
function P.tap_block(seen, block, prefix, windows_name)
  local attn, forward = block.attn, block.attn.forward
  rawset(attn, "forward", function(self, x, residual)
    local y = forward(self, x, residual)
    ss.no_grad(ss.scoped, function()
      official_windows(seen, self, x:detach(), prefix .. "attn", windows_name)
      seen[prefix .. "after_attention"] = ss.keep(G.first(y:detach()))
    end)
    return y
  end)
  G.tap(seen, block.local_conv, prefix .. "local_conv", as_volume(seen))
  G.tap(seen, block.moe or G.bare(block.mlp, 2), prefix .. (block.moe and "moe" or "mlp"))
end

---Taps of the encoder.
function P.tap_encoder(seen, enc)
  G.tap(seen, enc.patch_embed, "mid.enc.patch_embed", as_volume(seen))
  for l, stage in ipairs(enc.layers:children()) do
    local layer = ("mid.enc.layer%d."):format(l - 1)
    for b, block in ipairs(stage.blocks:children()) do
      local name = ("%sblock%d"):format(layer, b - 1)
      G.tap(seen, block, name, l == 1 and as_volume(seen) or as_tokens(seen))
      if l > 1 then P.tap_block(seen, block, name .. ".") end
    end
    if stage.downsample then
      G.tap(seen, stage.downsample, layer .. "downsample", as_tokens(seen))
    end
  end
  for _, i in ipairs { "0", "2" } do
    G.tap(seen, enc.neck[i], "mid.enc.neck" .. i, as_volume(seen))
  end
end

---Running statistics after a training step.
function P.statistics(got, net)
  for name, value in net:named_buffers() do
    if name:find("%.bn%.") then got["out.after." .. name] = value:detach() end
  end
end

return P
