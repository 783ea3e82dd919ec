-- models/sam_med3d.lua — SAM-Med3D: a promptable 3-D SAM, the large generalist. sam3d.lua holds
-- what does not depend on its encoder, attend.lua the defects its weights depend on.
local ss = require "semisam"
local nn = require "semisam.nn"
local attend = require "semisam.models.attend"
local sam3d = require "semisam.models.sam3d"
local sam_vit = require "semisam.models.sam_vit"
local windows = require "semisam.models.windows"

local DEFAULTS = sam3d.defaults { -- the released vit_b_ori
  patch_size = 16, embed_dim = 768, depth = 12, num_heads = 12, mlp_ratio = 4, window_size = 14,
  global_attn_indexes = { 2, 5, 8, 11 }, use_abs_pos = true,
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

return sam3d.kind("sam_med3d", DEFAULTS, function(c)
  if c.img_size % c.patch_size ~= 0 then
    error(("sam_med3d: img_size %d is not a multiple of patch_size %d"):format(c.img_size,
      c.patch_size), 5)
  end
  sam_vit.check_heads("sam_med3d", c.embed_dim, c.num_heads)
  return ImageEncoder3d(c), c.img_size // c.patch_size
end)
