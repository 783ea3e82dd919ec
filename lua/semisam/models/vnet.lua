-- models/vnet.lua — V-Net as the semi-supervised literature uses it: five levels, convolutions of
-- stride 2 on the way down, skips that are added. With `filters` = 16 and two classes it has
-- 9 448 866 parameters. Names are those of the official checkpoints ("block_one.conv.0.weight").
--
-- With `sdf` the tanh head is out_conv and the logits come from out_conv2 (DTC); with more than one
-- decoder the parts are encoder, decoder1, decoder2, ... (MC-Net).
local ss = require "semisam"
local nn = require "semisam.nn"
local heads = require "semisam.models.heads"

local DEFAULTS = {
  in_channels = 1,
  classes = 2,          -- 1: one foreground logit; more: softmax logits with the background first
  filters = 16,         -- channels of the first level
  normalise = "batch",  -- batch, instance, group, none: after each convolution
  dropout = 0.5,        -- of whole channels, in the lowest and in the last block
  residual = false,     -- add the input of a block to its output
  decoders = { "transposed" }, -- how each decoder doubles the grid: transposed, linear, nearest
  deep = false,         -- true: also logits from the coarser levels of the decoder, at full size
  sdf = false,          -- true: also a signed distance map in [-1, 1]
  norm = "minmax",      -- what prepare() does to an image; see models.prep
}

local function norm_of(kind, channels)
  if kind == "batch" then return nn.batch_norm(channels) end
  if kind == "instance" then return nn.instance_norm(channels) end
  if kind == "group" then return nn.group_norm(math.min(16, channels), channels) end
  error(("vnet: normalise is batch, instance, group or none, got %s"):format(tostring(kind)), 0)
end

-- Appends a convolution, its norm and, unless left to the caller, the ReLU.
local function step(list, conv, channels, o, bare)
  list[#list + 1] = conv
  if o.normalise ~= "none" then list[#list + 1] = norm_of(o.normalise, channels) end
  if not bare then list[#list + 1] = ss.relu end
end

local Block = nn.module {
  name = "block",
  init = function(self, stages, inp, out, o)
    local list = {}
    for i = 1, stages do
      step(list, nn.conv3d(i == 1 and inp or out, out, 3, { pad = 1 }), out, o,
        o.residual and i == stages)
    end
    self.residual = o.residual
    self.conv = nn.sequential(table.unpack(list))
  end,
  forward = function(self, x)
    local y = self.conv(x)
    return self.residual and (y + x):relu() or y
  end,
}

local Resample = nn.module {
  name = "resample",
  init = function(self, kind, inp, out, o)
    local list = {}
    if kind == "down" then
      step(list, nn.conv3d(inp, out, 2, { stride = 2 }), out, o)
    elseif kind == "transposed" then
      step(list, nn.conv_transpose3d(inp, out, 2, { stride = 2 }), out, o)
    elseif kind == "linear" or kind == "nearest" then
      list[1] = kind == "linear" and heads.twice or function(x) return x end -- counts in names
      step(list, nn.conv3d(inp, out, 3, { pad = 1, upsample = kind == "nearest" and 2 }), out, o)
    else
      error(("vnet: a decoder is transposed, linear or nearest, got %s"):format(tostring(kind)), 0)
    end
    self.conv = nn.sequential(table.unpack(list))
  end,
  forward = function(self, x) return self.conv(x) end,
}

local DOWN = { "one", "two", "three", "four" }

local function add_encoder(self, o)
  local f = o.filters
  local function add(name, stages, inp, out, down)
    self["block_" .. name] = Block(stages, inp, out, o)
    if down then self["block_" .. name .. "_dw"] = Resample("down", out, 2 * out, o) end
  end
  add("one", 1, o.in_channels, f, true)
  add("two", 2, 2 * f, 2 * f, true)
  add("three", 3, 4 * f, 4 * f, true)
  add("four", 3, 8 * f, 8 * f, true)
  add("five", 3, 16 * f, 16 * f)
end

local function add_decoder(self, kind, o)
  local f = o.filters
  self.block_five_up = Resample(kind, 16 * f, 8 * f, o)
  self.block_six = Block(3, 8 * f, 8 * f, o)
  self.block_six_up = Resample(kind, 8 * f, 4 * f, o)
  self.block_seven = Block(3, 4 * f, 4 * f, o)
  self.block_seven_up = Resample(kind, 4 * f, 2 * f, o)
  self.block_eight = Block(2, 2 * f, 2 * f, o)
  self.block_eight_up = Resample(kind, 2 * f, f, o)
  self.block_nine = Block(1, f, f, o)
  self.out_conv = nn.conv3d(f, o.sdf and math.max(1, o.classes - 1) or o.classes, 1)
  if o.sdf then self.out_conv2 = nn.conv3d(f, o.classes, 1) end
end

local Encoder = nn.module {
  name = "encoder",
  init = function(self, o)
    add_encoder(self, o)
    self.drop = nn.dropout(o.dropout, { channels = true })
  end,
}
local Decoder = nn.module {
  name = "decoder",
  init = function(self, kind, o)
    add_decoder(self, kind, o)
    self.drop = nn.dropout(o.dropout, { channels = true })
  end,
}

-- The maps of the five levels, the finest first.
local function descend(self, x)
  local features = {}
  for level, name in ipairs(DOWN) do
    features[level] = self["block_" .. name](x)
    x = self["block_" .. name .. "_dw"](features[level])
  end
  features[5] = self.drop(self.block_five(x))
  return features
end

-- The maps of the four levels of a decoder, the finest last.
local function climb(self, features)
  local maps = {}
  local x = self.block_six(self.block_five_up(features[5]) + features[4])
  maps[1] = x
  x = self.block_seven(self.block_six_up(x) + features[3])
  maps[2] = x
  x = self.block_eight(self.block_seven_up(x) + features[2])
  maps[3] = x
  maps[4] = self.drop(self.block_nine(self.block_eight_up(x) + features[1]))
  return maps
end

local VNet = nn.module {
  name = "vnet",
  init = function(self, opts)
    local o = nn.options("vnet", opts, DEFAULTS)
    self.config, self.prep, self.multiple = o, { norm = o.norm }, 16
    if #o.decoders > 1 then
      self.encoder = Encoder(o)
      for k, kind in ipairs(o.decoders) do self["decoder" .. k] = Decoder(kind, o) end
    else
      add_encoder(self, o)
      add_decoder(self, o.decoders[1], o)
      self.drop = nn.dropout(o.dropout, { channels = true })
    end
    if o.deep then
      self.coarse = nn.list { nn.conv3d(8 * o.filters, o.classes, 1),
        nn.conv3d(4 * o.filters, o.classes, 1), nn.conv3d(2 * o.filters, o.classes, 1) }
    end
  end,
  forward = function(self, x) return self:decode(self:encode(x)) end,
}

function VNet:prepare(x) return require("semisam.models.prep").prepare(self.prep, x) end

-- The module that holds decoder k: the network itself where there is one only.
local function decoder(self, k)
  return #self.config.decoders > 1 and self["decoder" .. k] or self
end

local function logits_of(part, fine) return (part.out_conv2 or part.out_conv)(fine):to("f32") end

---The maps of every level, the finest first.
---@param x tensor [n, d, h, w, c] with sides that are multiples of 16
---@return tensor[]
function VNet:encode(x)
  for axis = 2, 4 do
    if x.ndim ~= 5 or x:size(axis) % self.multiple ~= 0 then
      error(("vnet: expected [n,d,h,w,c] with d, h, w multiples of %d, got [%s]"):format(
        self.multiple, table.concat(x.shape, ",")), 0)
    end
  end
  return descend(#self.config.decoders > 1 and self.encoder or self, x)
end

---Logits of the first decoder.
---@param features tensor[] from encode
---@return tensor
function VNet:decode(features)
  local part = decoder(self, 1)
  return logits_of(part, climb(part, features)[4])
end

---Everything the network says: see unet3d.
---@param x tensor
---@return tensor[] logits
---@return tensor? distance
function VNet:outputs(x)
  return heads.scoped(function()
    local features, out, first = self:encode(x), {}, nil
    for k = 1, #self.config.decoders do
      local part = decoder(self, k)
      local maps = climb(part, features)
      first = first or maps
      out[k] = logits_of(part, maps[4])
    end
    if self.config.deep then
      for i, head in ipairs(self.coarse:children()) do
        out[#out + 1] = heads.full_size(head(first[i]):to("f32"), x)
      end
    end
    return out, self.config.sdf and decoder(self, 1).out_conv(first[4]):to("f32"):tanh() or nil
  end)
end

return VNet
