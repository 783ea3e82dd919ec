-- models/sam_med3d.lua — SAM-Med3D: a promptable 3-D SAM, the large generalist.
--
-- Outside, volumes are [n, d, h, w, 1] (z, y, x) and clicks voxels (z, y, x). Inside everything is
-- in the official axes x, y, z; the axes are exchanged here and nowhere else. Parameter names are
-- the official ones, and so are the defects that trained weights depend on (sam_prompt3d.lua,
-- attend.lua).
local ss = require "semisam"
local nn = require "semisam.nn"
local attend = require "semisam.models.attend"
local role = require "semisam.models.role"
local sam_vit = require "semisam.models.sam_vit"
local windows = require "semisam.models.windows"
local PromptEncoder = require "semisam.models.sam_prompt3d"
local MaskDecoder = require "semisam.models.sam_mask3d"

local LN_EPS = 1e-6
local DEFAULTS = { -- the released vit_b_ori
  img_size = 128, patch_size = 16, embed_dim = 768, depth = 12, num_heads = 12, mlp_ratio = 4,
  window_size = 14, global_attn_indexes = { 2, 5, 8, 11 }, use_abs_pos = true,
  prompt_embed_dim = 384, mask_in_chans = 16, num_multimask_outputs = 3, decoder_depth = 2,
  decoder_num_heads = 8, decoder_mlp_dim = 2048, attention_downsample_rate = 2,
  iou_head_depth = 3, iou_head_hidden_dim = 256,
  first_mask = "zeros", -- mask prompt of a first answer: "zeros" as the official loops, or "none"
  spacing = 1.5,        -- mm, of the data it was trained on
}

local Attention3d = nn.module {
  name = "attention3d",
  init = function(self, channels, heads, extent)
    self.heads = heads
    local e = channels // heads
    for _, axis in ipairs { "d", "h", "w" } do
      self:parameter("rel_pos_" .. axis, ss.zeros { 2 * extent - 1, e })
    end
    self.qkv = nn.linear(channels, 3 * channels)
    self.proj = nn.linear(channels, channels)
  end,
  -- x [n, s, s, s, c]: cubes only
  forward = function(self, x, window, residual)
    local e = windows.extent(x)
    if e[1] ~= e[2] or e[1] ~= e[3] then
      error(("sam_med3d: expected a cube of tokens, got [%s]"):format(
        table.concat(x.shape, ",")), 0)
    end
    return self.proj(attend.over(x, self.qkv, self.heads, window,
      { self.rel_pos_d, self.rel_pos_h, self.rel_pos_w }, "3d_official"), residual)
  end,
}

local ImageEncoder3d = nn.module {
  name = "image_encoder3d",
  init = function(self, c)
    local grid = c.img_size // c.patch_size
    if c.use_abs_pos then
      self:parameter("pos_embed", ss.zeros { 1, grid, grid, grid, c.embed_dim })
    end
    self.patch_embed = sam_vit.patch_embed(nn.conv3d(1, c.embed_dim, c.patch_size,
      { stride = c.patch_size }))
    self.blocks = sam_vit.blocks(c, grid, function(extent)
      return Attention3d(c.embed_dim, c.num_heads, extent)
    end)
    local o = c.prompt_embed_dim
    self.neck = nn.sequential(nn.conv3d(c.embed_dim, o, 1, { bias = false }),
      nn.layer_norm(o, { eps = LN_EPS }), nn.conv3d(o, o, 3, { pad = 1, bias = false }),
      nn.layer_norm(o, { eps = LN_EPS }))
  end,
  -- [n, a0, a1, a2, 1] -> [n, g0, g1, g2, prompt_embed_dim]
  forward = function(self, x)
    x = self.patch_embed(x)
    if self.pos_embed then x = x + self:cast(self.pos_embed) end
    for _, block in ipairs(self.blocks:children()) do x = block(x) end
    return self.neck(x)
  end,
}

local SamMed3d = nn.module {
  name = "sam_med3d",
  init = function(self, opts)
    local c = nn.options("sam_med3d", opts, DEFAULTS)
    local grid, s = c.img_size // c.patch_size, c.img_size
    self.config = c
    self.prep = { norm = "zscore_positive", spacing = c.spacing, size = { s, s, s } }
    if s % c.patch_size ~= 0 then
      error(("sam_med3d: img_size %d is not a multiple of patch_size %d"):format(s,
        c.patch_size), 4)
    end
    sam_vit.check_heads("sam_med3d", c.embed_dim, c.num_heads)
    sam_vit.check_heads("sam_med3d: prompts", c.prompt_embed_dim // c.attention_downsample_rate,
      c.decoder_num_heads)
    sam_vit.check_heads("sam_med3d: prompt encoding, sin cos sin", c.prompt_embed_dim, 3)
    self.image_encoder = ImageEncoder3d(c)
    self.prompt_encoder = PromptEncoder(c.prompt_embed_dim, { grid, grid, grid }, { s, s, s },
      c.mask_in_chans)
    self.mask_decoder = MaskDecoder(c.prompt_embed_dim, c)
  end,
  forward = function(self, x, prompts) return self:decode(self:encode(x), prompts) end,
}

function SamMed3d:prepare(x) return require("semisam.models.prep").prepare(self.prep, x) end

-- z, y, x <-> x, y, z of a channels-last volume.
local function turn(x) return x:permute { 1, 4, 3, 2, 5 } end

---Image embedding. A volume that is not img_size^3 is resized (trilinear), and so are the clicks
---and answers of decode.
---@param x tensor [n, d, h, w, 1], prepare()d
---@return { embedding: tensor, pe: tensor, size: integer[], n: integer }
function SamMed3d:encode(x)
  if x.ndim ~= 5 or x:size(5) ~= 1 then
    error(("sam_med3d: expected [n,d,h,w,1], got [%s]"):format(table.concat(x.shape, ",")), 2)
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
function SamMed3d:decode_low(code, points, labels, mask)
  return ss.scoped(function()
    local p = points and points:size(1) or mask and mask:size(1) or 1
    local sparse = points and self.prompt_encoder:sparse(points, labels)
    return self.mask_decoder(code.embedding, code.pe, sparse, self.prompt_encoder:dense(mask, p))
  end)
end

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
  local s, low = self.config.img_size, 4 * (self.config.img_size // self.config.patch_size)
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

---Logits of the prompted object at the resolution of the encoded volume.
---@param code table from encode
---@param prompts table see models/role.lua
---@return tensor [n, d, h, w, 1]
function SamMed3d:decode(code, prompts)
  return ss.scoped(function()
    local list = {}
    for i, one in ipairs(role.each(prompts, code.n)) do
      list[i] = ss.scoped(answer, self, code, i, one)
    end
    return nn.cat(list, 1)
  end)
end

return SamMed3d
