-- models/sam_vit.lua — SAM's image encoder (ViT with windows and decomposed relative positions) for
-- images [n, h, w, c]. Shared by the Slicing SAM3D student and 2-D SAM.
--
-- Kept from the official code: windows are zero-padded at the end after the first norm, and padding
-- takes part in attention unmasked (window_padding = "masked" leaves it out, for training from
-- scratch); relative positions use the unscaled query.
local ss = require "semisam"
local nn = require "semisam.nn"
local attend = require "semisam.models.attend"

local M = {}

local LN_EPS = 1e-6
local DEFAULTS = {
  image_size = 128, patch_size = 16, in_channels = 3, embed_dim = 768, depth = 12, num_heads = 12,
  mlp_ratio = 4, window_size = 14, global_attn_indexes = { 2, 5, 8, 11 }, out_channels = 256,
  window_padding = "official", -- padding tokens take part in attention, or are "masked"
}

local Attention = nn.module {
  name = "attention2d",
  -- extent: tokens along an axis of what attention sees (a window or the whole grid); masked: see
  -- window_padding
  init = function(self, channels, heads, extent, masked)
    self.how = { heads = heads, rel = "2d", masked = masked }
    local e = channels // heads
    self:parameter("rel_pos_h", ss.zeros { 2 * extent - 1, e })
    self:parameter("rel_pos_w", ss.zeros { 2 * extent - 1, e })
    self.qkv = nn.linear(channels, 3 * channels)
    self.proj = nn.linear(channels, channels)
  end,
  -- x [n, h, w, c]; window 0: the whole grid
  forward = function(self, x, window, residual)
    return self.proj(attend.over(x, self.qkv, window, { self.rel_pos_h, self.rel_pos_w }, self.how),
      residual)
  end,
}

M.block = nn.module {
  name = "block",
  -- attention: the module for it; window: its size, 0 for the whole grid
  init = function(self, channels, hidden, attention, window)
    self.window = window
    self.norm1 = nn.layer_norm(channels, { eps = LN_EPS })
    self.attn = attention
    self.norm2 = nn.layer_norm(channels, { eps = LN_EPS })
    self.mlp = nn.mlp(channels, hidden)
  end,
  forward = function(self, x)
    x = self.attn(self.norm1(x), self.window, x)
    return self.mlp(self.norm2(x), x)
  end,
}

---`proj`: the patch embedding, a convolution named as in the checkpoints.
M.patch_embed = nn.module {
  name = "patch_embed",
  init = function(self, proj) self.proj = proj end,
  forward = function(self, x) return self.proj(x) end,
}

local function contains(list, value)
  for _, v in ipairs(list) do
    if v == value then return true end
  end
  return false
end

---Blocks of an encoder of `depth` layers: `make(window_or_grid)` gives the attention module.
---@param c table configuration
---@param grid integer tokens per axis
---@param make fun(extent: integer): table
function M.blocks(c, grid, make)
  local blocks = {}
  for i = 0, c.depth - 1 do
    local window = contains(c.global_attn_indexes, i) and 0 or c.window_size
    blocks[i + 1] = M.block(c.embed_dim, math.floor(c.embed_dim * c.mlp_ratio),
      make(window > 0 and window or grid), window)
  end
  return nn.list(blocks)
end

---Refuse widths that heads cannot share.
---@param who string
---@param channels integer
---@param heads integer
function M.check_heads(who, channels, heads)
  if heads < 1 or channels % heads ~= 0 then
    error(("%s: width %d is not a multiple of %d heads"):format(who, channels, heads), 5)
  end
end

---Refuse an unknown treatment of padding.
---@param who string
---@param value any of the option window_padding
function M.check_padding(who, value)
  local wrong = nn.one_of("window_padding", value, "official", "masked")
  if wrong then error(who .. ": " .. wrong, 5) end
end

---Options: image_size, patch_size, embed_dim, depth, num_heads, window_size, global_attn_indexes
---(0-based), out_channels, window_padding. forward: [n, s, s, in_channels] -> [n, s/patch, s/patch,
---out_channels].
M.encoder = nn.module {
  name = "sam_vit",
  init = function(self, opts)
    local c = nn.options("sam_vit", opts, DEFAULTS)
    self.config, self.grid = c, c.image_size // c.patch_size
    if self.grid * c.patch_size ~= c.image_size then
      error(("sam_vit: image_size %d is not a multiple of patch_size %d"):format(c.image_size,
        c.patch_size), 3)
    end
    M.check_heads("sam_vit", c.embed_dim, c.num_heads)
    M.check_padding("sam_vit", c.window_padding)
    self:parameter("pos_embed", ss.zeros { 1, self.grid, self.grid, c.embed_dim })
    self.patch_embed = M.patch_embed(nn.conv2d(c.in_channels, c.embed_dim, c.patch_size,
      { stride = c.patch_size }))
    self.blocks = M.blocks(c, self.grid, function(extent)
      return Attention(c.embed_dim, c.num_heads, extent, c.window_padding == "masked")
    end)
    local o = c.out_channels
    self.neck = nn.sequential(nn.conv2d(c.embed_dim, o, 1, { bias = false }),
      nn.layer_norm(o, { eps = LN_EPS }), nn.conv2d(o, o, 3, { pad = 1, bias = false }),
      nn.layer_norm(o, { eps = LN_EPS }))
  end,
  forward = function(self, x)
    x = self.patch_embed(x) + self:cast(self.pos_embed)
    for _, block in ipairs(self.blocks:children()) do x = block(x) end
    return self.neck(x)
  end,
}

-- One table [rows, e] or grid [1, g, g, c] on another size, as the official loader does it: linear,
-- align_corners = false, without antialiasing.
local function resized(from, to)
  if from.ndim == 4 then return from:resize({ to:size(2), to:size(3) }, { mode = "linear" }) end
  local rows, e = from:size(1), from:size(2)
  return from:reshape { 1, rows, 1, e }:resize({ to:size(1), 1 }, { mode = "linear" })
    :reshape { to:size(1), e }
end

---Tensors of a checkpoint made for another image size, resized to `encoder`: pos_embed and the
---relative positions of the global blocks. Everything else is handed through.
---@param encoder table module of M.encoder
---@param tensors table<string, tensor> names without prefix
---@return table<string, tensor>
function M.fit_checkpoint(encoder, tensors)
  local own, fitted = encoder:state(), {}
  for name, t in pairs(tensors) do
    if type(name) == "string" then fitted[name] = t end
  end
  local from, to = fitted.pos_embed, own.pos_embed
  if not from or from:size(2) == to:size(2) then return fitted end
  ss.no_grad(function()
    fitted.pos_embed = resized(from, to)
    for _, i in ipairs(encoder.config.global_attn_indexes) do
      for _, axis in ipairs { "h", "w" } do
        local name = ("blocks.%d.attn.rel_pos_%s"):format(i, axis)
        if fitted[name] and own[name] then fitted[name] = resized(fitted[name], own[name]) end
      end
    end
  end)
  return fitted
end

return M
