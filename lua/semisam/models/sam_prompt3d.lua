-- models/sam_prompt3d.lua — the prompt encoder of SAM-Med3D: clicks and mask prompts to tokens.
--
-- Axes here are the official ones, a0, a1, a2 = x, y, z of the canonical volume; coordinates are
-- voxels in that order. What trained weights depend on is kept: the encoding is [sin, cos, sin],
-- the dense encoding swaps the first two axes against the clicks and divides by the crossed grid
-- sizes (dense_positions = "correct": as the clicks), and a padding point is appended to the clicks
-- always (padding_point = false: never).
local ss = require "semisam"
local nn = require "semisam.nn"

local LN_EPS = 1e-6

-- Random Fourier features of p in [0, 1]^3: z = 2 pi (2p - 1) G, [sin z, cos z, sin z].
local Fourier = nn.module {
  name = "random_fourier_encoding",
  init = function(self, features)
    self:buffer("positional_encoding_gaussian_matrix", nn.init_normal({ 3, features }, 1))
  end,
  forward = function(self, p)
    local z = ((p * 2 - 1):matmul(self.positional_encoding_gaussian_matrix)) * (2 * math.pi)
    local s = z:sin()
    return ss.cat(s, z:cos(), s, { dim = -1 })
  end,
}

local PromptEncoder3d = nn.module {
  name = "prompt_encoder3d",
  -- channels: width of the tokens; grid, image_size: { a0, a1, a2 } in tokens and voxels; c:
  -- dense_positions, padding_point, as official without it
  init = function(self, channels, grid, image_size, mask_channels, c)
    self.channels, self.grid, self.image_size = channels, grid, image_size
    self.correct, self.pads = c and c.dense_positions == "correct", not c or c.padding_point
    self.pe_layer = Fourier(channels // 3)
    self.point_embeddings = nn.list { nn.embedding(1, channels), nn.embedding(1, channels) }
    self.not_a_point_embed = nn.embedding(1, channels)
    local half = mask_channels // 4
    self.mask_downscaling = nn.sequential(
      nn.conv3d(1, half, 2, { stride = 2 }), nn.layer_norm(half, { eps = LN_EPS }), ss.gelu,
      nn.conv3d(half, mask_channels, 2, { stride = 2 }),
      nn.layer_norm(mask_channels, { eps = LN_EPS }), ss.gelu,
      nn.conv3d(mask_channels, channels, 1))
    self.no_mask_embed = nn.embedding(1, channels)
  end,
}

-- (i + 0.5) / divisor for i = 0..n-1, shaped to lie along one axis of the grid.
local function centres(n, divisor, axis, device)
  local shape = { 1, 1, 1, 1 }
  shape[axis] = n
  return ((ss.arange(n, { device = device }) + 0.5) / divisor):reshape(shape)
end

---The encoding of every grid cell, [1, g0, g1, g2, channels].
---@return tensor
function PromptEncoder3d:dense_pe()
  return ss.scoped(function()
    local g0, g1, g2 = table.unpack(self.grid)
    local device = self.no_mask_embed.weight.device
    local full = { g0, g1, g2, 1 }
    local first, second = centres(g1, g0, 2, device), centres(g0, g1, 1, device)
    if self.correct then first, second = centres(g0, g0, 1, device), centres(g1, g1, 2, device) end
    local p = ss.cat(first:expand(full), second:expand(full),
      centres(g2, g2, 3, device):expand(full), { dim = 4 })
    return self.pe_layer(p:reshape { g0 * g1 * g2, 3 }):reshape { 1, g0, g1, g2, self.channels }
  end)
end

-- 1 where the label equals `value`, as [p, k, 1].
local function where_label(labels, value) return labels:eq(value):to("f32") end

---Tokens of the clicks.
---@param points tensor [p, k, 3] voxel coordinates (a0, a1, a2)
---@param labels tensor [p, k]: 1 inside, 0 outside, -1 no point; others are encoded by place alone
---@return tensor [p, k + 1, channels], [p, k, channels] without a padding point
function PromptEncoder3d:sparse(points, labels)
  return ss.scoped(function()
    local p, k, on = points:size(1), points:size(2), { device = points.device }
    local size = ss.tensor(self.image_size, on):reshape { 1, 1, 3 }
    local place, kind = (points:to("f32") + 0.5) / size, labels:to("f32")
    if self.pads then
      place = ss.cat(place, ss.zeros({ p, 1, 3 }, on), { dim = 2 })
      kind, k = ss.cat(kind, ss.full({ p, 1 }, -1, on), { dim = 2 }), k + 1
    end
    kind = kind:reshape { p, k, 1 }
    local tokens = self.pe_layer(place:reshape { p * k, 3 }):reshape { p, k, self.channels }
    local none = where_label(kind, -1)
    local function row(embedding) return embedding.weight:reshape { 1, 1, self.channels } end
    return tokens * (1 - none) + none * row(self.not_a_point_embed)
      + where_label(kind, 0) * row(self.point_embeddings["0"])
      + where_label(kind, 1) * row(self.point_embeddings["1"])
  end)
end

---The dense prompt.
---@param mask tensor? logits [p, 4 g0, 4 g1, 4 g2, 1]
---@param p integer prompt sets, used where there is no mask
---@return tensor [p, g0, g1, g2, channels]
function PromptEncoder3d:dense(mask, p)
  if mask then return self.mask_downscaling(mask) end
  local g = self.grid
  return ss.scoped(function()
    local one = self.no_mask_embed.weight:reshape { 1, 1, 1, 1, self.channels }
    return one:expand { p, g[1], g[2], g[3], self.channels }
  end)
end

return PromptEncoder3d
