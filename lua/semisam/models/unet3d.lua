-- models/unet3d.lua — a small 3-D U-Net with instance norm: the student of the quick CPU study.
--
-- Every level has two 3x3x3 convolutions (instance norm, leaky ReLU); going down halves the grid by
-- max pooling and doubles the channels, going up doubles the grid by a transposed convolution.
-- base = 8 and levels = 4 make about 0.35 million parameters.
--
-- Calling it gives the logits. Methods that need more than one answer ask `outputs`: further
-- decoders (MC-Net), the coarser levels of the decoder (URPC) or a distance head (DTC).
local ss = require "semisam"
local nn = require "semisam.nn"
local heads = require "semisam.models.heads"

local SLOPE = 0.01 -- of leaky ReLU, as nnU-Net
local DEFAULTS = {
  in_channels = 1,
  classes = 1,     -- 1: one foreground logit; more: softmax logits with the background first
  base = 8,        -- channels of the first level
  levels = 4,
  dropout = 0,     -- before the last convolution of the lowest level
  decoders = { "transposed" }, -- how each decoder doubles the grid: transposed, linear, nearest
  deep = false,    -- true: also logits from the coarser levels of the decoder, at full size
  sdf = false,     -- true: also a signed distance map in [-1, 1]
  norm = "minmax", -- what prepare() does to an image; see models.prep
}

-- Convolution, instance norm, leaky ReLU: a bias before the norm would have no effect.
local Unit = nn.module {
  name = "unit",
  init = function(self, inp, out)
    self.conv = nn.conv3d(inp, out, 3, { pad = 1, bias = false })
    self.norm = nn.instance_norm(out, { affine = true, slope = SLOPE })
  end,
  forward = function(self, x) return self.norm(self.conv(x)) end,
}

local function pair(inp, out) return nn.sequential(Unit(inp, out), Unit(out, out)) end

-- Registers the way up on `self`: up, join, head.
local function add_decoder(self, kind, opts)
  local up, join, channels = {}, {}, opts.base << (opts.levels - 1)
  for i = 1, opts.levels - 1 do
    local width = channels // 2
    up[i] = heads.double(kind, channels, width)
    join[i], channels = pair(2 * width, width), width
  end
  self.up = nn.list(up)
  self.join = nn.list(join)
  self.head = nn.conv3d(channels, opts.classes, 1)
end

-- The maps of every level of a decoder, the finest last.
local function climb(self, features)
  local x, maps, joins = features[#features], {}, self.join:children()
  for i, up in ipairs(self.up:children()) do
    x = joins[i](ss.cat(up(x), features[#features - i], { dim = 5 }))
    maps[i] = x
  end
  return maps
end

local Decoder = nn.module { name = "decoder", init = add_decoder }

local UNet3d = nn.module {
  name = "unet3d",
  init = function(self, opts)
    opts = nn.options("unet3d", opts, DEFAULTS)
    self.config, self.prep = opts, { norm = opts.norm }
    local down, channels = {}, opts.in_channels
    for level = 1, opts.levels do
      local width = opts.base << (level - 1)
      down[level], channels = pair(channels, width), width
    end
    self.down = nn.list(down)
    add_decoder(self, opts.decoders[1], opts)
    self.drop = nn.dropout(opts.dropout)
    for k = 2, #opts.decoders do self["decoder" .. k] = Decoder(opts.decoders[k], opts) end
    if opts.deep then
      local coarse = {}
      for i = 1, opts.levels - 2 do
        coarse[i] = nn.conv3d(opts.base << (opts.levels - 1 - i), opts.classes, 1)
      end
      self.coarse = nn.list(coarse)
    end
    if opts.sdf then self.distance = nn.conv3d(opts.base, math.max(1, opts.classes - 1), 1) end
    self.multiple = 1 << (opts.levels - 1) -- of which the sides of a volume must be
  end,
  forward = function(self, x) return self:decode(self:encode(x)) end,
}

function UNet3d:prepare(x) return require("semisam.models.prep").prepare(self.prep, x) end

---The maps of every level, the finest first.
---@param x tensor [n, d, h, w, c]
---@return tensor[]
function UNet3d:encode(x)
  local multiple = self.multiple
  for axis = 2, 4 do
    if x.ndim ~= 5 or x:size(axis) % multiple ~= 0 then
      error(("unet3d: expected [n,d,h,w,c] with d, h, w multiples of %d, got [%s]"):format(
        multiple, table.concat(x.shape, ",")), 0)
    end
  end
  local features = {}
  for level, block in ipairs(self.down:children()) do
    x = block(level == 1 and x or x:max_pool3d(2))
    features[level] = x
  end
  features[#features] = self.drop(x)
  return features
end

---Logits of the first decoder.
---@param features tensor[] from encode
---@return tensor
function UNet3d:decode(features)
  local maps = climb(self, features)
  return self.head(maps[#maps]):to("f32")
end

---Everything the network says: the logits of each decoder (then of its coarser levels, at full
---size), and the distance map.
---@param x tensor
---@return tensor[] logits the first are those of a call
---@return tensor? distance [n, d, h, w, f] in [-1, 1]
function UNet3d:outputs(x)
  return heads.scoped(function()
    local features = self:encode(x)
    local maps = climb(self, features)
    local fine = maps[#maps]
    local out = { self.head(fine):to("f32") }
    for k = 2, #self.config.decoders do
      local decoder = self["decoder" .. k]
      local others = climb(decoder, features)
      out[k] = decoder.head(others[#others]):to("f32")
    end
    if self.config.deep then
      for i, head in ipairs(self.coarse:children()) do
        out[#out + 1] = heads.full_size(head(maps[i]):to("f32"), x)
      end
    end
    return out, self.config.sdf and self.distance(fine):to("f32"):tanh() or nil
  end)
end

return UNet3d
