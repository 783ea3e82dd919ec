-- models/slicing_sam3d.lua — the student of Semi-SAM+: SAM's ViT encodes every slice (frozen), a
-- 3-D decoder of four residual blocks turns the stack of feature maps into logits.
--
-- Volumes are [n, d, h, w, m] with slices along d, h = w = image_size and m modalities. After the
-- encoder nothing is downsampled; h and w double by repetition behind every block (with patches
-- smaller than 16 behind the last ones), which is left to what reads the block: it need not be
-- made. There are no skip connections. Names are those of the official student
-- ("decoder5.conv1.0.weight"), the encoder's stand under "image_encoder.".
local ss = require "semisam"
local nn = require "semisam.nn"
local sam_vit = require "semisam.models.sam_vit"

local SLOPE = 0.01 -- of leaky ReLU
local ENCODER = { "image_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio",
  "window_size", "global_attn_indexes", "window_padding" }
local DEFAULTS = {
  image_size = 128, patch_size = 16, embed_dim = 768, depth = 12, num_heads = 12, mlp_ratio = 4,
  window_size = 14, global_attn_indexes = { 2, 5, 8, 11 },
  window_padding = "official",            -- padding takes part in attention, or is "masked"
  out_channels = 256,                     -- of the encoder
  modalities = 1,
  classes = 2,                            -- 1: one sigmoid logit; more: softmax with background
  decoder_channels = { 128, 64, 32, 16 },
  freeze_encoder = true,
  deep_supervision = false,               -- also return logits at 1/2 and 1/4 in plane
  slice_bytes = false,                    -- hidden states of the slices encoded together: 64 MiB,
                                          -- 512 on a GPU, which wants more to do at once
  norm = "minmax",                        -- what prepare() does to an image
}

local TWICE = { 1, 2, 2 } -- h and w repeated

-- conv 3x3x3 or 1x1x1 with bias, then instance norm (and leaky ReLU): "<name>.0" in checkpoints.
local function conv_norm(inp, out, kernel, slope, double)
  return nn.sequential(
    nn.conv3d(inp, out, kernel, { pad = kernel // 2, upsample = double and TWICE }),
    nn.instance_norm(out, { slope = slope }))
end

-- Residual block of x, with h and w doubled first. A 1x1x1 convolution and its norm give the same
-- before the doubling as behind it.
local Block = nn.module {
  name = "residual_block",
  init = function(self, inp, out, double)
    self.double = double
    self.conv1 = conv_norm(inp, out, 3, SLOPE, double)
    self.conv2 = nn.sequential(nn.conv3d(out, out, 3, { pad = 1 }))
    self.downsample = conv_norm(inp, out, 1, 1)
    self.join = nn.instance_norm(out, { slope = SLOPE })
  end,
  forward = function(self, x)
    local inner, skip = self.conv2(self.conv1(x)), self.downsample(x)
    if self.double then
      local small = skip
      skip = small:resize({ inner:size(2), inner:size(3), inner:size(4) }, { mode = "nearest" })
      ss.done(small)
    end
    local y = self.join(inner, skip)
    ss.done(inner)
    ss.done(skip)
    return y
  end,
}

local Head = nn.module {
  name = "segmentation_head",
  init = function(self, inp, classes, double)
    self.conv_pred = conv_norm(inp, inp // 2, 3, SLOPE, double)
    self.segmentation_head = nn.conv3d(inp // 2, classes, 1)
  end,
  forward = function(self, x) return self.segmentation_head(self.conv_pred(x)):to("f32") end,
}

-- How often h and w must double to undo the patches; it happens behind the last blocks.
local function doublings_of(patch)
  for k = 0, 4 do
    if patch == 1 << k then return k end
  end
  error(("slicing_sam3d: patch_size must be 1, 2, 4, 8 or 16, got %d"):format(patch), 5)
end

local SlicingSam3d = nn.module {
  name = "slicing_sam3d",
  init = function(self, opts)
    local c = nn.options("slicing_sam3d", opts, DEFAULTS)
    self.config, self.prep = c, { norm = c.norm }
    local vit = { out_channels = c.out_channels }
    for _, key in ipairs(ENCODER) do vit[key] = c[key] end
    self.image_encoder = sam_vit.encoder(vit)
    if c.freeze_encoder then self.image_encoder:freeze() end
    local w, inp = c.decoder_channels, c.out_channels * c.modalities
    local doublings = doublings_of(c.patch_size)
    self.decoder5 = Block(inp, w[1], false)
    self.decoder4 = Block(w[1], w[2], doublings >= 4)
    self.decoder3 = Block(w[2], w[3], doublings >= 3)
    self.decoder2 = Block(w[3], w[4], doublings >= 2)
    self.out1 = Head(w[4], c.classes, doublings >= 1)
    self.out3 = Head(w[2], c.classes, doublings >= 3)
    self.out2 = Head(w[3], c.classes, doublings >= 2)
  end,
  forward = function(self, x) return self:decode(self:encode(x)) end,
}

function SlicingSam3d:prepare(x) return require("semisam.models.prep").prepare(self.prep, x) end

-- Slices that fit the byte budget together: the widest state of a slice is its MLP.
local function slices_at_once(c, device)
  local bytes = c.slice_bytes or (device:find "cuda" and 512 or 64) << 20
  local tokens = (c.image_size // c.patch_size) ^ 2
  local padded = math.max(tokens, c.window_size ^ 2)
  return math.max(1, math.floor(bytes / (4 * padded * c.embed_dim * c.mlp_ratio)))
end

-- [k, h, w, 1] -> features; without a tape when the encoder is frozen.
local function encode_slices(self, x)
  local grey = ss.cat(x, x, x, { dim = 4 })
  if self.config.freeze_encoder then return ss.no_grad(self.image_encoder, grey) end
  return self.image_encoder(grey)
end

---Features of all slices; for a frozen encoder they depend on x alone and may be kept.
---@param x tensor [n, d, h, w, m]
---@return tensor [n, d, h/patch, w/patch, out_channels * m], modality-major
function SlicingSam3d:encode(x)
  local c = self.config
  if x.ndim ~= 5 or x:size(3) ~= c.image_size or x:size(4) ~= c.image_size
    or x:size(5) ~= c.modalities then
    error(("slicing_sam3d: expected [n,d,%d,%d,%d], got [%s]"):format(c.image_size, c.image_size,
      c.modalities, table.concat(x.shape, ",")), 2)
  end
  return ss.scoped(function()
    local n, d, g = x:size(1), x:size(2), c.image_size // c.patch_size
    local step, per_modality = slices_at_once(c, x.device), {}
    for m = 1, c.modalities do
      local slices = x:slice(5, m, m):reshape { n * d, c.image_size, c.image_size, 1 }
      local parts = {}
      for at = 1, n * d, step do
        parts[#parts + 1] = ss.scoped(encode_slices, self,
          slices:slice(1, at, math.min(at + step - 1, n * d)))
      end
      per_modality[m] = nn.cat(parts, 1):reshape { n, d, g, g, c.out_channels }
    end
    return nn.cat(per_modality, 5)
  end)
end

---Logits from features; with `deep_supervision` a list of three: full, 1/2 and 1/4 in plane.
---@param features tensor from encode
---@return tensor|tensor[]
function SlicingSam3d:decode(features)
  local deep = self.config.deep_supervision
  local function through(block, x, needed)
    local y = block(x)
    if not needed then ss.done(x) end -- tens of MB each
    return y
  end
  return ss.scoped(function()
    local d4 = through(self.decoder4, self.decoder5(features))
    local d3 = through(self.decoder3, d4, deep)
    local full = through(self.out1, through(self.decoder2, d3, deep))
    if not deep then return full end
    return { full, self.out2(d3), self.out3(d4) }
  end)
end

---Load SAM or MedSAM weights into the encoder, resized where they were made for another image
---size. Names may stand under "image_encoder.".
---@param tensors table<string, tensor>
function SlicingSam3d:load_encoder(tensors)
  local bare = {}
  for name, t in pairs(tensors) do
    local short = type(name) == "string" and name:match("^image_encoder%.(.+)$")
    if short then bare[short] = t end
  end
  if not next(bare) then bare = tensors end
  ss.scoped(function()
    local fitted = sam_vit.fit_checkpoint(self.image_encoder, bare)
    self.image_encoder:load_state(fitted, { adopt = true })
  end)
end

---Load a file with the whole network, the official student's (its decoder alone), or SAM or MedSAM
---(the encoder, see load_encoder).
---@param path string checkpoint of any format
---@return string line what was taken from it
function SlicingSam3d:load_weights(path)
  local weights = require "semisam.weights"
  local held = weights.read(path)
  local encoder, decoder
  for _, name in ipairs(held.names) do
    encoder = encoder or name:find "^image_encoder%." or name:find "^patch_embed%."
    decoder = decoder or name:find "^decoder5%."
  end
  if encoder and not decoder then
    self:load_encoder(held.tensors)
    return held.summary .. "; the encoder"
  end
  if decoder and not encoder then
    for name, t in pairs(self.image_encoder:state()) do
      if type(name) == "string" then held.tensors["image_encoder." .. name] = t end
    end
    self:load_state(held.tensors, { adopt = true })
    return held.summary .. "; the decoder"
  end
  return weights.load(self, path).summary
end

return SlicingSam3d
