-- models/sam3d.lua — a promptable 3-D SAM around any encoder of cubes: SAM-Med3D and its tiny
-- relative differ in `image_encoder` only.
--
-- Outside, volumes are [n, d, h, w, 1] (z, y, x) and clicks voxels (z, y, x). Inside everything is
-- in the official axes x, y, z; the axes are exchanged here and nowhere else. Parameter names are
-- the official ones, and so are the defects that trained weights depend on (sam_prompt3d.lua,
-- attend.lua, tiny_vit3d.lua).
local ss = require "semisam"
local nn = require "semisam.nn"
local role = require "semisam.models.role"
local sam_vit = require "semisam.models.sam_vit"
local PromptEncoder = require "semisam.models.sam_prompt3d"
local MaskDecoder = require "semisam.models.sam_mask3d"

local M = {}

local LN_EPS = 1e-6
local SHARED = { -- what the released models of the family have in common
  img_size = 128, prompt_embed_dim = 384, mask_in_chans = 16, num_multimask_outputs = 3,
  decoder_depth = 2, decoder_num_heads = 8, decoder_mlp_dim = 2048,
  attention_downsample_rate = 2, iou_head_depth = 3, iou_head_hidden_dim = 256,
  first_mask = "zeros", -- mask prompt of a first answer: "zeros" as the official loops, or "none"
  spacing = 1.5,        -- mm, of the data it was trained on
  -- What released weights need, each with what one would rather have for training from scratch:
  dense_positions = "official", -- first two axes of the encoded grid exchanged, or "correct"
  padding_point = true,         -- a point that is none follows the clicks always; false: never
}

---The options of prompts and decoder, with those of an encoder added.
---@param encoder table<string, any> defaults of the encoder
---@return table<string, any>
function M.defaults(encoder)
  local all = {}
  for key, value in pairs(SHARED) do all[key] = value end
  for key, value in pairs(encoder) do all[key] = value end
  return all
end

---The last layers of every encoder of the family: [n, s, s, s, channels] -> [n, s, s, s, out].
---@param channels integer
---@param out integer
---@return table module
function M.neck(channels, out)
  return nn.sequential(nn.conv3d(channels, out, 1, { bias = false }),
    nn.layer_norm(out, { eps = LN_EPS }), nn.conv3d(out, out, 3, { pad = 1, bias = false }),
    nn.layer_norm(out, { eps = LN_EPS }))
end

-- z, y, x <-> x, y, z of a channels-last volume.
local function turn(x) return x:permute { 1, 4, 3, 2, 5 } end

-- Clicks (z, y, x) of the given volume as [1, k, 3] clicks (x, y, z) of the cube.
local function clicks(one, size, s, device)
  local list = {}
  for _, p in ipairs(one.points) do
    for axis = 3, 1, -1 do
      local scale = s / size[axis]
      list[#list + 1] = scale == 1 and p[axis] or (p[axis] + 0.5) * scale - 0.5
    end
  end
  return role.tensor(list, { 1, #one.points, 3 }, device),
    role.tensor(one.labels, { 1, #one.labels }, device)
end

-- The answer for volume i of the code.
local function answer(self, code, i, one)
  local s, low = self.config.img_size, 4 * self.grid
  local points, labels, mask
  if one.points then points, labels = clicks(one, code.size, s, code.pe.device) end
  if one.mask then
    mask = turn(role.mask_on(one.mask, { low, low, low }))
  elseif self.config.first_mask == "zeros" then
    mask = ss.zeros({ 1, low, low, low, 1 }, { device = code.pe.device })
  end
  local view = { embedding = code.embedding:slice(1, i, i), pe = code.pe }
  local logits = self:decode_low(view, points, labels, mask)
  return turn(logits:slice(5, 1, 1):to("f32")):resize(code.size, { mode = "linear" })
end

local Sam3d = {}

function Sam3d:prepare(x) return require("semisam.models.prep").prepare(self.prep, x) end

---Image embedding. A volume that is not img_size^3 is resized (trilinear), and so are the clicks
---and answers of decode.
---@param x tensor [n, d, h, w, 1], prepare()d
---@return { embedding: tensor, pe: tensor, size: integer[], n: integer }
function Sam3d:encode(x)
  if x.ndim ~= 5 or x:size(5) ~= 1 then
    error(("%s: expected [n,d,h,w,1], got [%s]"):format(self.name, table.concat(x.shape, ",")), 2)
  end
  local s = self.config.img_size
  local size = { x:size(2), x:size(3), x:size(4) }
  local embedding, pe = ss.scoped(function()
    local fits = size[1] == s and size[2] == s and size[3] == s
    local cube = fits and x or x:resize({ s, s, s }, { mode = "linear" })
    return self.image_encoder(turn(cube)), self.prompt_encoder:dense_pe()
  end)
  return { embedding = embedding, pe = pe, size = size, n = x:size(1) }
end

---Low-resolution logits from prompts in the official axes: the bare network.
---@param code table from encode
---@param points tensor? [p, k, 3] voxels (a0, a1, a2) of the img_size cube
---@param labels tensor? [p, k]
---@param mask tensor? logits [p, 4g, 4g, 4g, 1]
---@return tensor logits [p, 4g, 4g, 4g, 1 + num_multimask_outputs], the first is the single answer
---@return tensor iou [p, 1 + num_multimask_outputs]
function Sam3d:decode_low(code, points, labels, mask)
  return ss.scoped(function()
    local p = points and points:size(1) or mask and mask:size(1) or 1
    local sparse = points and self.prompt_encoder:sparse(points, labels)
    return self.mask_decoder(code.embedding, code.pe, sparse, self.prompt_encoder:dense(mask, p))
  end)
end

---Logits of the prompted object at the resolution of the encoded volume.
---@param code table from encode
---@param prompts table see models/role.lua
---@return tensor [n, d, h, w, 1]
function Sam3d:decode(code, prompts)
  return ss.scoped(function()
    local list = {}
    for i, one in ipairs(role.each(prompts, code.n)) do
      list[i] = ss.scoped(answer, self, code, i, one)
    end
    return nn.cat(list, 1)
  end)
end

---A kind of network. `encoder(config)` gives the image encoder, [n, s, s, s, 1] -> [n, g, g, g,
---prompt_embed_dim], and g; it refuses impossible settings.
---@param name string
---@param defaults table from M.defaults
---@param encoder fun(config: table): table, integer
---@return table
function M.kind(name, defaults, encoder)
  local class = {
    name = name,
    init = function(self, opts)
      local c = nn.options(name, opts, defaults)
      local s = c.img_size
      self.config = c
      self.prep = { norm = "zscore_positive", spacing = c.spacing, size = { s, s, s } }
      sam_vit.check_heads(name .. ": prompts", c.prompt_embed_dim // c.attention_downsample_rate,
        c.decoder_num_heads)
      local wrong = nn.one_of("dense_positions", c.dense_positions, "official", "correct")
      if wrong then error(name .. ": " .. wrong, 4) end
      sam_vit.check_heads(name .. ": prompt encoding, sin cos sin", c.prompt_embed_dim, 3)
      self.image_encoder, self.grid = encoder(c)
      self.prompt_encoder = PromptEncoder(c.prompt_embed_dim, { self.grid, self.grid, self.grid },
        { s, s, s }, c.mask_in_chans, c)
      self.mask_decoder = MaskDecoder(c.prompt_embed_dim, c)
    end,
    forward = function(self, x, prompts) return self:decode(self:encode(x), prompts) end,
  }
  for key, method in pairs(Sam3d) do class[key] = method end
  return nn.module(class)
end

return M
