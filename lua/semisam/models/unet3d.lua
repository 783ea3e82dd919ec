-- models/unet3d.lua — a small 3-D U-Net with instance norm: the student of the quick CPU study.
--
-- Every level has two 3x3x3 convolutions (instance norm, leaky ReLU); going down halves the grid by
-- max pooling and doubles the channels, going up doubles the grid by a transposed convolution.
-- base = 8 and levels = 4 make about 0.35 million parameters.
local ss = require "semisam"
local nn = require "semisam.nn"

local SLOPE = 0.01 -- of leaky ReLU, as nnU-Net
local DEFAULTS = {
  in_channels = 1,
  classes = 1,     -- 1: one foreground logit; more: softmax logits with the background first
  base = 8,        -- channels of the first level
  levels = 4,
  dropout = 0,     -- before the last convolution of the lowest level
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

local UNet3d = nn.module {
  name = "unet3d",
  init = function(self, opts)
    opts = nn.options("unet3d", opts, DEFAULTS)
    self.config, self.prep = opts, { norm = opts.norm }
    local down, up, join, channels = {}, {}, {}, opts.in_channels
    for level = 1, opts.levels do
      local width = opts.base << (level - 1)
      down[level], channels = pair(channels, width), width
    end
    for i = 1, opts.levels - 1 do
      local width = channels // 2
      up[i] = nn.conv_transpose3d(channels, width, 2, { stride = 2 })
      join[i], channels = pair(2 * width, width), width
    end
    self.down = nn.list(down)
    self.up = nn.list(up)
    self.join = nn.list(join)
    self.drop = nn.dropout(opts.dropout)
    self.head = nn.conv3d(channels, opts.classes, 1)
    self.multiple = 1 << (opts.levels - 1) -- of which the sides of a volume must be
  end,
  forward = function(self, x)
    local multiple = self.multiple
    for axis = 2, 4 do
      if x.ndim ~= 5 or x:size(axis) % multiple ~= 0 then
        error(("unet3d: expected [n,d,h,w,c] with d, h, w multiples of %d, got [%s]"):format(
          multiple, table.concat(x.shape, ",")), 0)
      end
    end
    local skips = {}
    for level, block in ipairs(self.down:children()) do
      x = block(level == 1 and x or x:max_pool3d(2))
      skips[level] = x
    end
    x = self.drop(x)
    local joins = self.join:children()
    for i, up in ipairs(self.up:children()) do
      x = joins[i](ss.cat(up(x), skips[#skips - i], { dim = 5 }))
    end
    return self.head(x):to("f32")
  end,
}

function UNet3d:prepare(x) return require("semisam.models.prep").prepare(self.prep, x) end

return UNet3d
