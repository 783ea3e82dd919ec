-- models/medsam2.lua — MedSAM2: SAM 2.1 (N. Ravi et al., SAM 2, 2024) at 512 x 512 for slices of a
-- volume. The checkpoints of MedSAM2 and of SAM 2.1 load as they are; those of SAM 2.0 with
--   no_obj_embed_spatial = false, add_tpos_enc_to_obj_ptrs = false,
--   proj_tpos_enc_in_obj_ptrs = false, use_signed_tpos_enc_to_obj_ptrs = false
--
-- This is the network: image encoder, prompts to masks, memory. Sizes: S = image_size, e = S / 16,
-- d = d_model (256), c = mem_dim (64). All images are [n, h, w, channels].
local ss = require "semisam"
local nn = require "semisam.nn"
local config = require "semisam.models.medsam2_config"
local heads = require "semisam.models.sam2_heads"
local memory = require "semisam.models.sam2_memory"
local position = require "semisam.models.sam2_position"
local two_way = require "semisam.models.two_way"
local ImageEncoder = require "semisam.models.sam2_neck"
local PromptEncoder = require "semisam.models.sam_prompt2d"
local MaskDecoder = require "semisam.models.sam_mask2d"

local STRIDE = 16 -- of the maps that prompts and memories meet
local INIT_STD = 0.02

local function small(shape) return nn.init_normal(shape, INIT_STD) end

local function add_pointer_parts(self, c)
  local d = c.d_model
  if c.pred_obj_scores and c.use_obj_ptrs_in_encoder then
    self:parameter("no_obj_ptr", small { 1, d })
  end
  if not c.use_obj_ptrs_in_encoder then return end
  self.mask_downsample = nn.conv2d(1, 1, 4, { stride = 4 })
  self.obj_ptr_proj = c.use_mlp_for_obj_ptr_proj and two_way.head(d, d, d, 3) or nn.linear(d, d)
  if c.proj_tpos_enc_in_obj_ptrs then self.obj_ptr_tpos_proj = nn.linear(d, c.mem_dim) end
end

local MedSam2 = nn.module {
  name = "medsam2",
  init = function(self, opts)
    local c = config.resolve(opts)
    self.config, self.prep = c, { norm = "minmax" }
    local d, grid = c.d_model, c.image_size // STRIDE
    self:parameter("maskmem_tpos_enc", small { c.num_maskmem, 1, 1, c.mem_dim })
    self:parameter("no_mem_embed", small { 1, 1, d })
    self:parameter("no_mem_pos_enc", small { 1, 1, d })
    if c.no_obj_embed_spatial then
      self:parameter("no_obj_embed_spatial", small { 1, c.mem_dim })
    end
    self.image_encoder = ImageEncoder(c)
    self.memory_attention = memory.attention(d, c.mem_dim, c.ma_ff, c.ma_layers)
    self.memory_encoder = memory.encoder(d, c.mem_dim)
    self.sam_prompt_encoder = PromptEncoder(d, grid, c.image_size, c.mask_in_chans)
    self.sam_mask_decoder = MaskDecoder(d, c, { sam2 = true,
      high_res = c.use_high_res_features_in_sam,
      object_score = c.pred_obj_scores and (c.pred_obj_scores_mlp and "mlp" or "linear") })
    add_pointer_parts(self, c)
  end,
  forward = function(self, x, prompt, multimask)
    local code = self:encode_image(x)
    return self:heads(self:without_memory(code.feature), code, prompt, multimask).high
  end,
}

local function results(masks, ious, low, high, pointer, score, best)
  local list
  if not best.device:find "^meta" then
    list = best:flat()
    for i, k in ipairs(list) do list[i] = k + 1 end
  end
  best:release()
  return { masks = masks, ious = ious, low = low, high = high, pointer = pointer, score = score,
    best = list }
end

---All that is needed of an image, for any number of prompts and memories.
---@param x tensor [n, S, S, 3], normalised; other sides work when they are multiples of 32 and of
---  four times the first window
---@return { feature: tensor, s0: tensor?, s1: tensor?, pe: tensor? } feature [n, e, e, d] of the
---  neck; s0 [n, 4e, 4e, d/8] and s1 [n, 2e, 2e, d/4] for the mask decoder; pe its positions
function MedSam2:encode_image(x)
  if x.ndim ~= 4 or x:size(2) ~= x:size(3) or x:size(2) % 32 ~= 0 or x:size(4) ~= 3
    or x:size(2) == 0 then
    local s = self.config.image_size
    error(("medsam2: expected [n,%d,%d,3], got [%s]"):format(s, s, table.concat(x.shape, ",")), 2)
  end
  local feature, s0, s1, pe = ss.scoped(function()
    local f0, f1, f2 = self.image_encoder(x)
    local decoder = self.sam_mask_decoder
    local own = x:size(2) == self.config.image_size and self.sam_prompt_encoder:dense_pe() or nil
    if not decoder.conv_s0 then return f2, nil, nil, own end
    return f2, decoder.conv_s0(f0), decoder.conv_s1(f1), own
  end)
  return { feature = feature, s0 = s0, s1 = s1, pe = pe }
end

---Masks, score and pointer of n objects.
---@param feature tensor [n or 1, e, e, d] conditioned on memory, or without_memory(..)
---@param code table from encode_image; feature is not read
---@param prompt { points: tensor?, labels: tensor?, mask: tensor? }? points [n, k, 2] (x, y) in
---  pixels of S x S, labels [n, k] (1 inside, 0 outside, 2 and 3 the corners of a box, which come
---  first, -1 no point), mask [n, h, w, 1] logits; nil: tracking
---@param multimask boolean? three masks instead of one
---@return table masks [n, 4e, 4e, m], ious [n, m], low [n, 4e, 4e, 1] and high [n, S, S, 1]: the
---  best of them, pointer [n, d], score [n, 1]: all f32; best: which mask, from 1 (nil on "meta")
function MedSam2:heads(feature, code, prompt, multimask)
  return results(ss.scoped(heads.run, self, feature, code, prompt, multimask))
end

---A mask prompt taken as the answer; same fields as heads.
---@param code table from encode_image
---@param mask tensor [n, S, S, 1] of 0 and 1
---@return table
function MedSam2:mask_as_output(code, mask)
  local s = STRIDE * code.feature:size(2)
  if mask.ndim ~= 4 or mask:size(2) ~= s or mask:size(3) ~= s or mask:size(4) ~= 1 then
    error(("mask_as_output: expected a mask [n,%d,%d,1], got [%s]"):format(s, s,
      table.concat(mask.shape, ",")), 2)
  end
  return results(ss.scoped(heads.from_mask, self, code, mask))
end

---What is remembered of a slice.
---@param feature tensor [n or 1, e, e, d] of encode_image, never the conditioned one
---@param high tensor [n, S, S, 1] logits
---@param score tensor [n, 1]
---@param clicked boolean the slice had prompts
---@return tensor [n, e, e, c], not rounded
function MedSam2:encode_memory(feature, high, score, clicked)
  return ss.scoped(function()
    local c = self.config
    if c.non_overlap_masks_for_mem_enc then high = heads.non_overlapping(high) end
    local binary = clicked and c.binarize_mask_from_pts_for_mem_enc
    local mask = binary and high:gt(0):to("f32") or high:sigmoid()
    mask = mask * c.sigmoid_scale_for_mem_enc + c.sigmoid_bias_for_mem_enc
    local y = self.memory_encoder(feature, mask)
    if not self.no_obj_embed_spatial then return y end
    local absent = score:le(0):to("f32"):reshape { -1, 1, 1, 1 }
    return y + self:cast(absent * self.no_obj_embed_spatial)
  end)
end

-- A constant made once per size and device.
local function constant(self, key, make)
  local kept = self.constants or {}
  rawset(self, "constants", kept)
  kept[key] = kept[key] or ss.keep(make())
  return kept[key]
end

local function sine(self, channels, side, device)
  return constant(self, ("sine %d %d %s"):format(channels, side, device), function()
    return position.sine2d(channels, side, side, device)
  end)
end

---The feature of an image in the light of memories.
---@param feature tensor [n or 1, e, e, d] of encode_image
---@param tokens tensor [n, m, c] spatial memories, e * e tokens each, then pointers
---@param positions tensor [n or 1, m, c]
---@param n_pointer_tokens integer how many of the last tokens are pointers
---@return tensor [n, e, e, d]
function MedSam2:condition(feature, tokens, positions, n_pointer_tokens)
  return ss.scoped(function()
    local n, e, d = tokens:size(1), feature:size(2), self.config.d_model
    local x = feature:reshape { feature:size(1), e * e, d }
    if x:size(1) ~= n then x = x:expand { n, e * e, d } end
    local pos = sine(self, d, e, x.device):reshape { 1, e * e, d }
    return self.memory_attention(x, pos, tokens, positions, n_pointer_tokens)
      :reshape { n, e, e, d }
  end)
end

---The feature of an image before there are memories.
---@param feature tensor [n, e, e, d]
---@return tensor
function MedSam2:without_memory(feature)
  return ss.scoped(function()
    return feature + self:cast(self.no_mem_embed):reshape { 1, 1, 1, self.config.d_model }
  end)
end

---Positions of one spatial memory.
---@param row integer of maskmem_tpos_enc, from 0: slices back less one, num_maskmem - 1 for a
---  conditioning slice
---@param side integer? tokens along a side, e when absent
---@return tensor [e * e, c] f32
function MedSam2:memory_position(row, side)
  local c = self.config
  if math.type(row) ~= "integer" or row < 0 or row >= c.num_maskmem then
    error(("memory_position: row must be 0 to %d, got %s"):format(c.num_maskmem - 1,
      tostring(row)), 2)
  end
  side = side or c.image_size // STRIDE
  return ss.scoped(function()
    local own = self.maskmem_tpos_enc:slice(1, row + 1, row + 1):reshape { 1, c.mem_dim }
    return sine(self, c.mem_dim, side, own.device):reshape { side * side, c.mem_dim } + own
  end)
end

---Positions of object pointers, d / c equal rows for each.
---@param distances number[] in slices
---@param scale number distance that counts as 1
---@return tensor [#distances * d / c, c] f32
function MedSam2:pointer_position(distances, scale)
  return ss.scoped(function()
    local c, k = self.config, #distances
    local rows, on = c.d_model // c.mem_dim, { device = self.maskmem_tpos_enc.device }
    if not c.add_tpos_enc_to_obj_ptrs then return ss.zeros({ k * rows, c.mem_dim }, on) end
    local p = ss.tensor(distances, on) / scale
    local y = position.sine1d(self.obj_ptr_tpos_proj and c.d_model or c.mem_dim, p)
    if self.obj_ptr_tpos_proj then y = self.obj_ptr_tpos_proj(y):to("f32") end
    return y:reshape { k, 1, c.mem_dim }:expand { k, rows, c.mem_dim }
      :reshape { k * rows, c.mem_dim }
  end)
end

-- The generalist's role: prepare, encode, decode.
for name, method in pairs(require "semisam.models.medsam2_role") do MedSam2[name] = method end

return MedSam2
