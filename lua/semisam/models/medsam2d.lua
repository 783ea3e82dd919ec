-- models/medsam2d.lua — SAM and MedSAM: a promptable network for images. The released checkpoints
-- (sam_vit_b, sam_vit_l, sam_vit_h, medsam_vit_b) load as they are.
--
-- An image is encoded once and prompted as often as wanted:
--   local code = net:encode(image)                        -- [h, w, 1 or 3], any size, 0..255
--   local answer = net:decode(code, { box = { x0, y0, x1, y1 } })
-- Prompts are (x, y) in pixels of the image given. encode_input and decode_low are the bare parts.
local ss = require "semisam"
local nn = require "semisam.nn"
local sam_vit = require "semisam.models.sam_vit"
local image2d = require "semisam.models.sam_image2d"
local PromptEncoder = require "semisam.models.sam_prompt2d"
local MaskDecoder = require "semisam.models.sam_mask2d"

local VARIANTS = {
  vit_b = { embed_dim = 768, depth = 12, num_heads = 12, global_attn_indexes = { 2, 5, 8, 11 } },
  vit_l = { embed_dim = 1024, depth = 24, num_heads = 16, global_attn_indexes = { 5, 11, 17, 23 } },
  vit_h = { embed_dim = 1280, depth = 32, num_heads = 16, global_attn_indexes = { 7, 15, 23, 31 } },
}
local DEFAULTS = {
  variant = "vit_b",     -- sets embed_dim, depth, num_heads, global_attn_indexes
  embed_dim = false, depth = false, num_heads = false, global_attn_indexes = false,
  image_size = 1024, patch_size = 16, mlp_ratio = 4, window_size = 14,
  window_padding = "official", -- padding tokens take part in attention, or are "masked"
  prompt_embed_dim = 256, mask_in_chans = 16, num_multimask_outputs = 3, decoder_depth = 2,
  decoder_num_heads = 8, decoder_mlp_dim = 2048, attention_downsample_rate = 2,
  iou_head_depth = 3, iou_head_hidden_dim = 256,
  preprocess = "medsam", -- how images become inputs; see models/sam_image2d.lua
}
local ENCODER = { "image_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio",
  "window_size", "global_attn_indexes", "window_padding" }

local function resolved(opts)
  local c = nn.options("medsam2d", opts, DEFAULTS, 6)
  local variant = VARIANTS[c.variant]
  if not variant then
    error(("medsam2d: unknown variant %q, expected vit_b, vit_l or vit_h"):format(c.variant), 5)
  end
  for key, value in pairs(variant) do c[key] = c[key] or value end
  image2d.check(c.preprocess, 5)
  sam_vit.check_heads("medsam2d: prompts", c.prompt_embed_dim // c.attention_downsample_rate,
    c.decoder_num_heads)
  return c
end

local MedSam2d = nn.module {
  name = "medsam2d",
  init = function(self, opts)
    local c = resolved(opts)
    self.config, self.grid = c, c.image_size // c.patch_size
    local vit = { out_channels = c.prompt_embed_dim }
    for _, key in ipairs(ENCODER) do vit[key] = c[key] end
    self.image_encoder = sam_vit.encoder(vit)
    self.prompt_encoder = PromptEncoder(c.prompt_embed_dim, self.grid, c.image_size,
      c.mask_in_chans)
    self.mask_decoder = MaskDecoder(c.prompt_embed_dim, c)
  end,
  forward = function(self, image, prompts) return self:decode(self:encode(image), prompts) end,
}

---Embedding of inputs at the network's size: the bare encoder.
---@param x tensor [n, S, S, 3]
---@return { embedding: tensor, pe: tensor, n: integer }
function MedSam2d:encode_input(x)
  local s = self.config.image_size
  if x.ndim ~= 4 or x:size(2) ~= s or x:size(3) ~= s or x:size(4) ~= 3 then
    error(("medsam2d: expected [n,%d,%d,3], got [%s]"):format(s, s, table.concat(x.shape, ",")), 2)
  end
  local embedding, pe = ss.scoped(function()
    return self.image_encoder(x), self.prompt_encoder:dense_pe()
  end)
  return { embedding = embedding, pe = pe, n = x:size(1) }
end

---Low-resolution logits from prompts in the network's pixels: the bare decoder.
---@param code table from encode_input or encode
---@param prompt { points: tensor?, labels: tensor?, box: tensor?, mask: tensor? } points [p, k, 2]
---  (x, y), labels [p, k], box [p, 4] (x0, y0, x1, y1), mask logits [p, 4g, 4g, 1]
---@return tensor logits [p, 4g, 4g, 1 + num_multimask_outputs] f32, the first is the single answer
---@return tensor iou [p, 1 + num_multimask_outputs]
function MedSam2d:decode_low(code, prompt)
  return ss.scoped(function()
    local points, box, mask = prompt.points, prompt.box, prompt.mask
    local any = points or box or mask
    local p, encoder = any and any:size(1) or 1, self.prompt_encoder
    local sparse = points and encoder:points(points, prompt.labels, not box)
    if box then
      local corners = encoder:points(box:reshape { p, 2, 2 },
        ss.tensor({ { 2, 3 } }, { device = box.device }):expand { p, 2 }, false)
      sparse = sparse and ss.cat(sparse, corners, { dim = 2 }) or corners
    end
    local logits, iou = self.mask_decoder(code.embedding, code.pe, sparse, encoder:dense(mask, p))
    return logits:to("f32"), iou:to("f32")
  end)
end

---Embedding of images of any size, made inputs as `preprocess` says.
---@param image tensor [h, w, c] or [n, h, w, c], c 1 or 3, any type, values 0..255
---@return table code for decode: { embedding, pe, n, size = { h, w }, used = { h, w } }
function MedSam2d:encode(image)
  if image.ndim == 3 then
    image = image:reshape { 1, image:size(1), image:size(2), image:size(3) }
  end
  local c = self.config
  local x, used = image2d.input(image, c.preprocess, c.image_size)
  local code = self:encode_input(x)
  code.size, code.used = { image:size(2), image:size(3) }, used
  return code
end

-- The answer to one prompt on image i.
local function answer(self, code, i, prompt, multimask)
  local view = { embedding = code.embedding:slice(1, i, i), pe = code.pe }
  local low, iou = self:decode_low(view, image2d.prompt(prompt, code, 4 * self.grid))
  local from, to = 1, 1
  if multimask then from, to = 2, low:size(4) end
  low, iou = low:slice(4, from, to), iou:slice(2, from, to)
  return image2d.output(low, code, self.config.preprocess, self.config.image_size), iou:copy(),
    low:copy()
end

---Answers at the size of the encoded image.
---@param code table from encode
---@param prompts table for the image { points = { { x, y }, .. }, labels = { .. }, box = { x0, y0,
---  x1, y1 }, mask = logits of an earlier answer (`low`) }, any of these; or a list of such tables,
---  one per image, or any number for a single image
---@param opts { multimask: boolean? }? three answers for ambiguous prompts instead of one
---@return { prob: tensor, masks: tensor, iou: tensor, low: tensor } prob [p, h, w, m]: probability
---  of the object; masks: where it is above 1/2; iou [p, m] predicted; low [p, 4g, 4g, m] logits
function MedSam2d:decode(code, prompts, opts)
  local multimask = nn.options("decode", opts, { multimask = false }).multimask
  local list = prompts[1] and prompts or { prompts }
  if #list ~= code.n and code.n ~= 1 then
    error(("decode: %d images but %d prompts"):format(code.n, #list), 2)
  end
  local prob, masks, iou, low = ss.scoped(function()
    local p, u, l = {}, {}, {}
    for k, prompt in ipairs(list) do
      p[k], u[k], l[k] = ss.scoped(answer, self, code, code.n == 1 and 1 or k, prompt, multimask)
    end
    local all = nn.cat(p, 1)
    return all, all:gt(0.5), nn.cat(u, 1), nn.cat(l, 1)
  end)
  return { prob = prob, masks = masks, iou = iou, low = low }
end

return MedSam2d
