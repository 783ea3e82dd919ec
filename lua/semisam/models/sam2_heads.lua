-- models/sam2_heads.lua — from an image's features to masks, an object's score and its pointer:
-- what SAM 2 wraps around the prompt encoder and the mask decoder. `net` is the module of
-- medsam2.lua.
local ss = require "semisam"

local M = {}

local ABSENT = -1024       -- logit of every pixel of an object that is not there
local SURE, NEVER = 20, -10 -- logits of a mask prompt: 20 m - 10

-- Row index[i] (0-based, i64 [n]) of x [n, m, ..] along its axis `axis`.
local function pick(x, index, axis)
  local shape = { x:size(1) }
  for a = 2, x.ndim do shape[a] = a == axis and x:size(a) or 1 end
  local hot = index:one_hot(x:size(axis)):to(x.dtype):reshape(shape)
  return (x * hot):sum { dims = { axis }, keepdim = true }
end

---How much of the mask at threshold -delta is left at +delta.
---@param mask tensor logits [n, h, w, 1]
---@param delta number
---@return tensor [n, 1, 1, 1]
function M.stability(mask, delta)
  local function area(threshold)
    return mask:gt(threshold):to("f32"):sum { dims = { 2, 3 }, keepdim = true }
  end
  local inside, union = area(delta), area(-delta)
  return ss.where(union:gt(0), inside / union:maximum(1), 1)
end

-- One mask: token 0's, or when that is unstable the one of the others that promises most.
local function single(c, masks, iou)
  local first, first_iou = masks:slice(4, 1, 1), iou:slice(2, 1, 1)
  if not c.dynamic_multimask_via_stability then return first, first_iou end
  local others, others_iou = masks:slice(4, 2, masks:size(4)), iou:slice(2, 2, iou:size(2))
  local best = others_iou:argmax(2)
  local stable = M.stability(first:detach(), c.stability_delta):ge(c.stability_thresh)
  return ss.where(stable, first, pick(others, best, 4)),
    ss.where(stable:reshape { -1, 1 }, first_iou, pick(others_iou, best, 2))
end

---Masks of all tokens reduced to those asked for.
---@param c table configuration
---@param masks tensor [n, h, w, m + 1]
---@param iou tensor [n, m + 1]
---@param tokens tensor [n, m + 1, d]
---@param multimask boolean
---@return tensor masks [n, h, w, m or 1]
---@return tensor iou [n, m or 1]
---@return tensor best i64 [n], from 0, among these
---@return tensor token [n, d] that the pointer comes from
function M.choose(c, masks, iou, tokens, multimask)
  local n, d = tokens:size(1), tokens:size(3)
  local first = tokens:slice(2, 1, 1):reshape { n, d }
  if not multimask then
    local mask, score = single(c, masks, iou)
    return mask, score, ss.zeros({ n }, { dtype = "i64", device = masks.device }), first
  end
  masks, iou = masks:slice(4, 2, masks:size(4)), iou:slice(2, 2, iou:size(2))
  local best = iou:argmax(2)
  if c.use_multimask_token_for_obj_ptr then
    first = pick(tokens:slice(2, 2, tokens:size(2)), best, 2):reshape { n, d }
  end
  return masks, iou, best, first
end

-- Mixes in the pointer of an object that is not there; share [n, 1]: how much it is there.
local function with_absence(net, pointer, share)
  if not net.no_obj_ptr then return pointer end
  if net.config.fixed_no_obj_ptr then pointer = pointer * share end
  return pointer + (1 - share) * net.no_obj_ptr
end

local function pointer_of(net, token, score)
  if not net.obj_ptr_proj then return token end
  local pointer = net.obj_ptr_proj(token):to("f32")
  if not net.config.pred_obj_scores then return pointer end
  local soft = net.config.soft_no_obj_ptr
  return with_absence(net, pointer, soft and score:sigmoid() or score:gt(0):to("f32"))
end

-- Prompts as the prompt encoder wants them: points always, the mask at a quarter of the image.
local function prepared(net, n, prompt, side)
  local on = { device = net.maskmem_tpos_enc.device }
  local points, labels, mask = prompt.points, prompt.labels, prompt.mask
  if not points then points, labels = ss.zeros({ n, 1, 2 }, on), ss.full({ n, 1 }, -1, on) end
  if mask and (mask:size(2) ~= side or mask:size(3) ~= side) then
    mask = mask:to("f32"):resize({ side, side }, { mode = "linear", antialias = true })
  end
  return points, labels, mask
end

---See MedSam2:heads.
function M.run(net, feature, code, prompt, multimask)
  prompt = prompt or {}
  local c, side = net.config, 4 * feature:size(2)
  local any = prompt.points or prompt.mask
  local n = any and any:size(1) or feature:size(1)
  local points, labels, mask = prepared(net, n, prompt, side)
  local encoder = net.sam_prompt_encoder
  local masks, iou, tokens, score = net.sam_mask_decoder(feature, code.pe or encoder:dense_pe(),
    encoder:points(points, labels, true), encoder:dense(mask, n), code.s0, code.s1)
  masks, iou = masks:to("f32"), iou:to("f32")
  if c.iou_prediction_use_sigmoid then iou = iou:sigmoid() end
  score = score and score:to("f32") or ss.full({ n, 1 }, 10, { device = masks.device })
  local best, token
  masks, iou, best, token = M.choose(c, masks, iou, tokens, multimask)
  if c.pred_obj_scores then
    masks = ss.where(score:gt(0):reshape { n, 1, 1, 1 }, masks, ABSENT)
  end
  local low = multimask and pick(masks, best, 4) or masks
  local high = low:resize { 4 * side, 4 * side }
  return masks, iou, low, high, pointer_of(net, token, score), score, best
end

---See MedSam2:mask_as_output.
function M.from_mask(net, code, mask)
  local c, n = net.config, mask:size(1)
  local high = mask:to("f32") * SURE + NEVER
  local side = mask:size(2) // 4
  local low = high:resize({ side, side }, { mode = "linear", antialias = true })
  local there = mask:gt(0):to("f32"):max { dims = { 2, 3, 4 } }:reshape { n, 1 }
  local pointer
  if net.mask_downsample then
    local prompt = { mask = net.mask_downsample(mask:to("f32")) }
    pointer = select(5, M.run(net, code.feature, code, prompt, false))
    if c.pred_obj_scores then pointer = with_absence(net, pointer, there) end
  else
    pointer = ss.zeros({ n, c.d_model }, { device = mask.device })
  end
  local on = { device = mask.device }
  return low, ss.ones({ n, 1 }, on), low, high, pointer, there * SURE + NEVER,
    ss.zeros({ n }, { dtype = "i64", device = mask.device })
end

---Masks of several objects made disjoint: where another object's logit is larger, at most -10.
---@param masks tensor [n, h, w, 1], one object per sample
---@return tensor
function M.non_overlapping(masks)
  local n = masks:size(1)
  if n == 1 then return masks end
  return ss.scoped(function()
    local own = ss.arange(n, { dtype = "i64", device = masks.device }):reshape { n, 1, 1, 1 }
    local winner = masks:argmax(1):reshape { 1, masks:size(2), masks:size(3), 1 }
    return ss.where(own:eq(winner), masks, masks:minimum(NEVER))
  end)
end

return M
