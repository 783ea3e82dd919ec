-- models/sam_prompt2d.lua — the prompt encoder of SAM and SAM 2 for images: clicks, boxes and mask
-- prompts to tokens. Coordinates are (x, y) in pixels of the image the network sees; the half pixel
-- to the pixel's centre is added here.
local ss = require "semisam"
local nn = require "semisam.nn"
local position = require "semisam.models.sam2_position"

local LN_EPS = 1e-6

-- Random Fourier features of p [.., 2] in [0, 1]^2.
local Fourier = nn.module {
  name = "random_fourier_encoding",
  init = function(self, features)
    self:buffer("positional_encoding_gaussian_matrix", nn.init_normal({ 2, features }, 1))
  end,
  forward = function(self, p)
    return position.fourier(p, self.positional_encoding_gaussian_matrix)
  end,
}

local PromptEncoder2d = nn.module {
  name = "prompt_encoder2d",
  -- channels: width of the tokens; grid: tokens along a side; image_size: pixels along a side
  init = function(self, channels, grid, image_size, mask_channels)
    self.channels, self.grid, self.image_size = channels, grid, image_size
    self.pe_layer = Fourier(channels // 2)
    local kinds = {}
    for i = 1, 4 do kinds[i] = nn.embedding(1, channels) end
    self.point_embeddings = nn.list(kinds)
    self.not_a_point_embed = nn.embedding(1, channels)
    local quarter = mask_channels // 4
    self.mask_downscaling = nn.sequential(
      nn.conv2d(1, quarter, 2, { stride = 2 }), nn.layer_norm(quarter, { eps = LN_EPS }), ss.gelu,
      nn.conv2d(quarter, mask_channels, 2, { stride = 2 }),
      nn.layer_norm(mask_channels, { eps = LN_EPS }), ss.gelu,
      nn.conv2d(mask_channels, channels, 1))
    self.no_mask_embed = nn.embedding(1, channels)
  end,
}

---The encoding of every cell of the grid, [1, g, g, channels].
---@return tensor
function PromptEncoder2d:dense_pe()
  return ss.scoped(function()
    local g, on = self.grid, { device = self.no_mask_embed.weight.device }
    local centres = (ss.arange(g, on) + 0.5) / g
    local x = centres:reshape { 1, g, 1 }:expand { g, g, 1 }
    local y = centres:reshape { g, 1, 1 }:expand { g, g, 1 }
    return self.pe_layer(ss.cat(x, y, { dim = 3 })):reshape { 1, g, g, self.channels }
  end)
end

-- One row per kind of token: no point, outside, inside, the corners of a box, none of these.
local function rows(self)
  local list = { self.not_a_point_embed.weight }
  for i, kind in ipairs(self.point_embeddings:children()) do list[i + 1] = kind.weight end
  list[6] = ss.zeros({ 1, self.channels }, { device = list[1].device })
  return ss.cat(list, { dim = 1 })
end

---Tokens of points.
---@param points tensor [p, k, 2] (x, y)
---@param labels tensor [p, k]: 1 inside, 0 outside, 2 and 3 first and second corner of a box, -1 no
---  point; others are encoded by place alone
---@param pad boolean append a token that is no point
---@return tensor [p, k or k + 1, channels]
function PromptEncoder2d:points(points, labels, pad)
  return ss.scoped(function()
    local p, k, on = points:size(1), points:size(2), { device = points.device }
    local place, kind = (points:to("f32") + 0.5) / self.image_size, labels:to("f32")
    if pad then
      place = ss.cat(place, ss.zeros({ p, 1, 2 }, on), { dim = 2 })
      kind, k = ss.cat(kind, ss.full({ p, 1 }, -1, on), { dim = 2 }), k + 1
    end
    local known = kind:ge(-1):logical_and(kind:le(3))
    local row = ss.where(known, kind + 1, 5):to("i64"):reshape { p * k }
    local own = rows(self):index_select(row, 1):reshape { p, k, self.channels }
    return self.pe_layer(place) * kind:ne(-1):to("f32"):reshape { p, k, 1 } + own
  end)
end

---The dense prompt.
---@param mask tensor? logits [p, 4g, 4g, 1]
---@param p integer prompt sets, used where there is no mask
---@return tensor [p, g, g, channels]
function PromptEncoder2d:dense(mask, p)
  if mask then return self.mask_downscaling(mask) end
  local g = self.grid
  return ss.scoped(function()
    return self.no_mask_embed.weight:reshape { 1, 1, 1, self.channels }
      :expand { p, g, g, self.channels }
  end)
end

return PromptEncoder2d
