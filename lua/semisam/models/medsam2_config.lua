-- models/medsam2_config.lua — the settings of MedSAM2 and SAM 2, under their official names where
-- there is one, and the released sizes.
local nn = require "semisam.nn"
local sam_vit = require "semisam.models.sam_vit"

local M = {}

local VARIANTS = { -- the released sizes of Hiera
  tiny = { embed_dim = 96, num_heads = 1, stages = { 1, 2, 7, 2 },
    global_att_blocks = { 5, 7, 9 }, bkg = { 7, 7 }, window_spec = { 8, 4, 14, 7 } },
  small = { embed_dim = 96, num_heads = 1, stages = { 1, 2, 11, 2 },
    global_att_blocks = { 7, 10, 13 }, bkg = { 7, 7 }, window_spec = { 8, 4, 14, 7 } },
  base_plus = { embed_dim = 112, num_heads = 2, stages = { 2, 3, 16, 3 },
    global_att_blocks = { 12, 16, 20 }, bkg = { 14, 14 }, window_spec = { 8, 4, 14, 7 } },
  large = { embed_dim = 144, num_heads = 2, stages = { 2, 6, 36, 4 },
    global_att_blocks = { 23, 33, 43 }, bkg = { 7, 7 }, window_spec = { 8, 4, 16, 8 } },
}

local DEFAULTS = {
  variant = "tiny", -- sets the next six
  embed_dim = false, num_heads = false, stages = false,
  global_att_blocks = false, -- blocks (from 0) without windows
  bkg = false,               -- size of the learnt background position map
  window_spec = false,       -- window of each stage
  q_pool = 3, mlp_ratio = 4,
  window_padding = "official", -- padding tokens take part in attention, or are "masked"
  image_size = 512,
  d_model = 256, fpn_top_down_levels = { 2, 3 }, scalp = 1,
  ma_layers = 4, ma_ff = 2048, -- memory attention: depth, hidden width
  mem_dim = 64, num_maskmem = 7,

  -- of the prompt encoder and the mask decoder
  mask_in_chans = 16, num_multimask_outputs = 3, decoder_depth = 2, decoder_num_heads = 8,
  decoder_mlp_dim = 2048, attention_downsample_rate = 2, iou_head_depth = 3,
  iou_head_hidden_dim = 256, use_high_res_features_in_sam = true,
  iou_prediction_use_sigmoid = true, pred_obj_scores = true, pred_obj_scores_mlp = true,
  dynamic_multimask_via_stability = true, stability_delta = 0.05, stability_thresh = 0.98,

  -- of object pointers
  use_obj_ptrs_in_encoder = true, use_mlp_for_obj_ptr_proj = true, fixed_no_obj_ptr = true,
  soft_no_obj_ptr = false, use_multimask_token_for_obj_ptr = true,
  add_tpos_enc_to_obj_ptrs = true, proj_tpos_enc_in_obj_ptrs = true,
  use_signed_tpos_enc_to_obj_ptrs = true, only_obj_ptrs_in_the_past_for_eval = true,
  max_obj_ptrs_in_encoder = 16,

  -- of memories
  sigmoid_scale_for_mem_enc = 20, sigmoid_bias_for_mem_enc = -10,
  binarize_mask_from_pts_for_mem_enc = true, non_overlap_masks_for_mem_enc = false,
  no_obj_embed_spatial = true, directly_add_no_mem_embed = true, max_cond_frames_in_attn = -1,
  memory_temporal_stride_for_eval = 1,

  -- of the predictor
  use_mask_input_as_output_without_sam = true, multimask_output_in_sam = true,
  multimask_output_for_tracking = true, multimask_min_pt_num = 0, multimask_max_pt_num = 1,
  fill_hole_area = 8, non_overlap_masks = false, clear_non_cond_mem_around_input = false,
  clear_non_cond_mem_for_multi_obj = false, add_all_frames_to_correct_as_cond = false,
  memory_dtype = "bf16", -- of memories that are kept; official, on the CPU too

  lean = true,           -- without gradients, freed memory goes back to the system between stages:
                         -- a third less of it, the image encoder a tenth slower
  mask_prompt = "mask",  -- how decode() puts in a mask prompt: "mask" or "box": on the slice where
                         -- it is largest; "first_k": masks on the first num_maskmem - 1 slices
}

local function refuse(text, ...) error("medsam2: " .. text:format(...), 7) end

local function check(c)
  local s = c.image_size
  if s < 32 or s % 32 ~= 0 or s // 4 % c.window_spec[1] ~= 0 then
    refuse("image_size must be a multiple of 32 and of %d, got %d", 4 * c.window_spec[1], s)
  end
  if not c.directly_add_no_mem_embed then
    refuse("directly_add_no_mem_embed must be true: rotary attention needs whole images of memory")
  end
  if #c.stages ~= 4 or #c.window_spec ~= 4 then
    refuse("stages and window_spec must have four numbers, got %d and %d", #c.stages,
      #c.window_spec)
  end
  if c.scalp ~= 1 then refuse("scalp must be 1, got %d", c.scalp) end
  if c.d_model % 8 ~= 0 or c.d_model % c.mem_dim ~= 0 or c.mem_dim % 4 ~= 0 then
    refuse("d_model %d must be a multiple of 8 and of mem_dim %d, and that of 4", c.d_model,
      c.mem_dim)
  end
  if c.mask_prompt ~= "mask" and c.mask_prompt ~= "box" and c.mask_prompt ~= "first_k" then
    refuse('mask_prompt must be "mask", "box" or "first_k", got %q', c.mask_prompt)
  end
  sam_vit.check_padding("medsam2", c.window_padding)
  sam_vit.check_heads("medsam2", c.embed_dim, c.num_heads)
  sam_vit.check_heads("medsam2: prompts", c.d_model // c.attention_downsample_rate,
    c.decoder_num_heads)
  if c.proj_tpos_enc_in_obj_ptrs and not c.add_tpos_enc_to_obj_ptrs then
    refuse("proj_tpos_enc_in_obj_ptrs needs add_tpos_enc_to_obj_ptrs")
  end
end

---All settings of a network.
---@param opts table? what the caller wants to differ
---@return table
function M.resolve(opts)
  local c = nn.options("medsam2", opts, DEFAULTS, 7)
  local variant = VARIANTS[c.variant]
  if not variant then
    refuse("unknown variant %q, expected tiny, small, base_plus or large", c.variant)
  end
  for key, value in pairs(variant) do c[key] = c[key] or value end
  check(c)
  return c
end

return M
