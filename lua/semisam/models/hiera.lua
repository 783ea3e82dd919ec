-- models/hiera.lua — the hierarchical image encoder of SAM 2 (C. Ryali et al., Hiera, 2023, in the
-- form of N. Ravi et al., SAM 2, 2024): [n, h, w, 3] to maps at 1/4, 1/8, 1/16 and 1/32.
--
-- Kept from the official code: the first block of a stage still has the window of the stage before;
-- its shortcut comes from the normalised tokens; windows are zero-padded after the norm and padding
-- takes part in attention unmasked (window_padding = "masked" leaves it out). The qkv layer makes
-- its bias of padding, so it and everything else runs on real tokens only, and attention counts the
-- padding of a window as one key.
--
-- Blocks work on a grid [n, h, w, c] or on its windows [n * count, w, w, c]; tokens stay in the
-- order of the windows for as long as the next block has the same ones.
local ss = require "semisam"
local nn = require "semisam.nn"
local windows = require "semisam.models.windows"

local LN_EPS = 1e-6

-- Linear, GELU, linear, under the names layers.0 and layers.1.
local Mlp = nn.module {
  name = "hiera_mlp",
  init = function(self, channels, hidden)
    self.layers = nn.list { nn.linear(channels, hidden, { act = "gelu" }),
      nn.linear(hidden, channels) }
  end,
  forward = function(self, x, residual)
    return self.layers["1"](self.layers["0"](x), residual)
  end,
}

-- Attention of windows that all look the same: qkv [n, h, w, 3c], optional pooling of q by 2 x 2.
-- fill: side of the window that h x w is the real part of, 0 to leave padding out.
local function attend(qkv, heads, pool, fill, bias)
  local n, h, w, c = qkv:size(1), qkv:size(2), qkv:size(3), qkv:size(4) // 3
  local all = qkv:reshape { n, h * w, 3, heads, c // heads }
  local q, qh, qw = all:select(3, 1), h, w
  if pool then
    qh, qw = h // 2, w // 2
    q = qkv:slice(4, 1, c):max_pool2d(2):reshape { n, qh * qw, heads, c // heads }
  end
  local k, v = all:select(3, 2), all:select(3, 3)
  if fill > h or fill > w then
    return ss.attention(q, k, v, nil, nil, nil, nil, bias:reshape { 3, heads, c // heads },
      { grid = { h, w }, window = { fill, fill } }):reshape { n, qh, qw, c }
  end
  return ss.attention(q, k, v):reshape { n, qh, qw, c }
end

-- [n, h, w, c] cut into windows of a x b, row-major: [n * count, a, b, c].
local function cut(x, a, b)
  local n, kh, kw, c = x:size(1), x:size(2) // a, x:size(3) // b, x:size(4)
  return x:reshape { n, kh, a, kw, b, c }:permute { 1, 2, 4, 3, 5, 6 }
    :reshape { n * kh * kw, a, b, c }
end

-- The parts of an axis of `size` tokens: whole windows, then what is left.
local function parts(size, window)
  local whole, list = size // window * window, {}
  if whole > 0 then list[1] = { 1, whole, window } end
  if whole < size then list[#list + 1] = { whole + 1, size, size - whole } end
  return list
end

-- A grid cut into windows: whole ones and those that stick out at the right, at the bottom and in
-- the corner, each sort in one call.
local function windowed(qkv, heads, window, pool, bias, masked)
  local n, rows, shrink = qkv:size(1), {}, pool and 2 or 1
  for _, r in ipairs(parts(qkv:size(2), window)) do
    local row = {}
    for _, s in ipairs(parts(qkv:size(3), window)) do
      local piece = qkv:slice(2, r[1], r[2]):slice(3, s[1], s[2])
      local h, w, a, b = piece:size(2), piece:size(3), r[3], s[3]
      local y = attend(cut(piece, a, b), heads, pool, masked and 0 or window, bias)
      local c = y:size(4)
      a, b, h, w = a // shrink, b // shrink, h // shrink, w // shrink
      row[#row + 1] = y:reshape { n, h // a, w // b, a, b, c }:permute { 1, 2, 4, 3, 5, 6 }
        :reshape { n, h, w, c }
    end
    rows[#rows + 1] = nn.cat(row, 3)
  end
  return nn.cat(rows, 2)
end

local Attention = nn.module {
  name = "hiera_attention",
  init = function(self, inp, out, heads, window, pool, masked)
    self.heads, self.window, self.pool, self.masked = heads, window, pool, masked
    self.qkv = nn.linear(inp, 3 * out)
    self.proj = nn.linear(out, out)
  end,
  -- [n, h, w, inp] -> [n, h, w, out], half as large with pooling, plus the residual
  forward = function(self, x, residual)
    local window, pool, qkv = self.window, self.pool, self.qkv
    local h, w = x:size(2), x:size(3)
    if pool and (h % 2 ~= 0 or w % 2 ~= 0) then
      error(("hiera: a grid of %d x %d cannot be pooled by 2"):format(h, w), 0)
    end
    local y
    if window == 0 or h == window and w == window then
      y = attend(qkv(x), self.heads, pool, window)
    else
      y = windowed(qkv(x), self.heads, window, pool, qkv.bias, self.masked)
    end
    return self.proj(y, residual)
  end,
}

local Block = nn.module {
  name = "hiera_block",
  init = function(self, inp, out, heads, window, pool, c)
    self.pool, self.window = pool, window
    if pool and window % 2 ~= 0 then
      error(("hiera: a window of %d cannot be pooled by 2"):format(window), 0)
    end
    self.norm1 = nn.layer_norm(inp, { eps = LN_EPS })
    self.attn = Attention(inp, out, heads, window, pool, c.window_padding == "masked")
    self.norm2 = nn.layer_norm(out, { eps = LN_EPS })
    self.mlp = Mlp(out, math.floor(out * c.mlp_ratio))
    if inp ~= out then self.proj = nn.linear(inp, out) end
  end,
  forward = function(self, x)
    local y = self.norm1(x)
    if self.proj then
      x = self.proj(y)
      if self.pool then x = x:max_pool2d(2) end
    end
    x = self.attn(y, x)
    return self.mlp(self.norm2(x), x)
  end,
}

local PatchEmbed = nn.module {
  name = "patch_embed",
  init = function(self, channels)
    self.proj = nn.conv2d(3, channels, 7, { stride = 4, pad = 3 })
  end,
  forward = function(self, x) return self.proj(x) end,
}

-- Blocks by configuration; also the 1-based numbers of the blocks that end stages, and widths.
local function blocks_of(c)
  local list, ends, widths, global = {}, {}, {}, {}
  for _, i in ipairs(c.global_att_blocks) do global[i + 1] = true end
  local dim, heads, at = c.embed_dim, c.num_heads, 0
  for stage, count in ipairs(c.stages) do
    for k = 1, count do
      at = at + 1
      local first = k == 1 and stage > 1
      local out = first and dim * 2 or dim
      if first then heads = heads * 2 end
      local window = c.window_spec[first and stage - 1 or stage]
      list[at] = Block(dim, out, heads, global[at] and 0 or window,
        first and stage - 1 <= c.q_pool, c)
      dim = out
    end
    ends[at], widths[stage] = stage, dim
  end
  return list, ends, widths
end

---Options: embed_dim, num_heads (of the first stage), stages, global_att_blocks (from 0), bkg,
---window_spec, q_pool, mlp_ratio, window_padding ("official" or "masked"), lean (freed memory goes
---back to the system after each stage).
---forward: [n, h, w, 3] -> the last map of every stage.
local Hiera = nn.module {
  name = "hiera",
  init = function(self, c)
    local bkg, window = c.bkg, c.window_spec[1]
    self:parameter("pos_embed", ss.zeros { 1, c.embed_dim, bkg[1], bkg[2] })
    self:parameter("pos_embed_window", ss.zeros { 1, c.embed_dim, window, window })
    self.patch_embed = PatchEmbed(c.embed_dim)
    local list, ends, widths = blocks_of(c)
    self.ends, self.widths, self.lean = ends, widths, c.lean
    self.blocks = nn.list(list)
  end,
  forward = function(self, x)
    x = self.patch_embed(x)
    x = x + self:cast(self:position(x:size(2), x:size(3)))
    local maps, grid, layout = {}, { x:size(2), x:size(3) }, 0 -- layout: side of windows, 0: grid
    local n = x:size(1)
    for i, block in ipairs(self.blocks:children()) do
      local own = block.window
      if own > 0 and (grid[1] % own ~= 0 or grid[2] % own ~= 0) then own = 0 end
      if own ~= layout then
        if layout > 0 then x = windows.join(x, n, grid) end
        if own > 0 then x = windows.split(x, own) end
      end
      x, layout = block(x), own
      if block.pool then grid, layout = { grid[1] // 2, grid[2] // 2 }, own // 2 end
      if self.ends[i] then
        maps[self.ends[i]] = layout > 0 and windows.join(x, n, grid) or x
        if self.lean and not ss.grad_enabled() then ss.trim() end -- no other stage has these sizes
      end
    end
    return table.unpack(maps)
  end,
}

---The position embedding of a grid of h x w: the small map enlarged and the window's tiled over it.
---@return tensor [1, h, w, embed_dim]
function Hiera:position(h, w)
  return ss.scoped(function()
    local tile = self.pos_embed_window:permute { 1, 3, 4, 2 }
    local s, c = tile:size(2), tile:size(4)
    if h % s ~= 0 or w % s ~= 0 then
      error(("hiera: a grid of %d x %d is not whole windows of %d"):format(h, w, s), 0)
    end
    local map = self.pos_embed:permute { 1, 3, 4, 2 }:resize({ h, w }, { mode = "cubic" })
    return (map:reshape { h // s, s, w // s, s, c } + tile:reshape { 1, s, 1, s, c })
      :reshape { 1, h, w, c }
  end)
end

return Hiera
