-- models/sam_med3d.lua — SAM-Med3D: a promptable 3-D SAM, the large generalist. sam3d.lua holds
-- what does not depend on its encoder. What released weights need and training from scratch would
-- rather not have are options of the encoder and, for both networks of the family, of the prompts:
--   relative_positions  "official": broadcast over the wrong axes, with queries of other tokens;
--                       "correct": of query and key along each axis (attend.lua)
--   window_padding      "official": padding tokens take part in attention; or "masked"
--   dense_positions, padding_point: sam3d.lua
local ss = require "semisam"
local nn = require "semisam.nn"
local attend = require "semisam.models.attend"
local sam3d = require "semisam.models.sam3d"
local sam_vit = require "semisam.models.sam_vit"
local windows = require "semisam.models.windows"

local DEFAULTS = sam3d.defaults { -- the released vit_b_ori
  patch_size = 16, embed_dim = 768, depth = 12, num_heads = 12, mlp_ratio = 4, window_size = 14,
  global_attn_indexes = { 2, 5, 8, 11 }, use_abs_pos = true,
  relative_positions = "official", window_padding = "official",
}

local Attention3d = nn.module {
  name = "attention3d",
  -- c: relative_positions, window_padding
  init = function(self, channels, heads, extent, c)
    self.how = { heads = heads, masked = c.window_padding == "masked",
      rel = c.relative_positions == "correct" and "3d" or "3d_official" }
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
    return self.proj(attend.over(x, self.qkv, window,
      { self.rel_pos_d, self.rel_pos_h, self.rel_pos_w }, self.how), residual)
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
      return Attention3d(c.embed_dim, c.num_heads, extent, c)
    end)
    self.neck = sam3d.neck(c.embed_dim, c.prompt_embed_dim)
  end,
  -- [n, a0, a1, a2, 1] -> [n, g0, g1, g2, prompt_embed_dim]
  forward = function(self, x)
    x = self.patch_embed(x)
    if self.pos_embed then x = x + self:cast(self.pos_embed) end
    for _, block in ipairs(self.blocks:children()) do x = block(x) end
    return self.neck(x)
  end,
}

-- Official relative positions need cubes, which the real parts of padded windows are only where one
-- window holds everything.
local function check_corrections(c)
  local grid = c.img_size // c.patch_size
  local wrong = nn.one_of("relative_positions", c.relative_positions, "official", "correct")
    or nn.one_of("window_padding", c.window_padding, "official", "masked")
  if not wrong and c.window_padding == "masked" and c.relative_positions == "official"
    and grid > c.window_size and grid % c.window_size ~= 0 then
    wrong = ('window_padding = "masked" needs relative_positions = "correct": windows of %d tokens '
      .. "leave parts of a grid of %d that are no cubes"):format(c.window_size, grid)
  end
  if wrong then error("sam_med3d: " .. wrong, 6) end
end

return sam3d.kind("sam_med3d", DEFAULTS, function(c)
  if c.img_size % c.patch_size ~= 0 then
    error(("sam_med3d: img_size %d is not a multiple of patch_size %d"):format(c.img_size,
      c.patch_size), 5)
  end
  sam_vit.check_heads("sam_med3d", c.embed_dim, c.num_heads)
  check_corrections(c)
  return ImageEncoder3d(c), c.img_size // c.patch_size
end)
