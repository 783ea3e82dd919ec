-- models/tiny_vit3d.lua — the image encoder of Tiny SAM-Med3D: TinyViT (Wu et al. 2022) in three
-- axes, its MLPs replaced by soft mixtures of experts or not. Parameter names are official.
--
-- Everything is channels last, so volumes and rows of tokens are one memory. Outside training,
-- batch norms are folded into their convolutions, of a frozen network once for all.
local nn = require "semisam.nn"
local ss = require "semisam"
local attend = require "semisam.models.tiny_attend"
local sam3d = require "semisam.models.sam3d"
local SoftMoe = require "semisam.models.tiny_moe"

local M = {}

local ConvBn = nn.module {
  name = "conv_bn",
  -- opts: of the convolution; act: "gelu" or nil; c.fixed_statistics: never the batch's own
  init = function(self, inp, out, kernel, opts, act, c)
    opts.bias = false
    self.act, self.fixed = act or "none", c.fixed_statistics
    self.product = kernel == 1
    self.c = nn.conv3d(inp, out, kernel, opts)
    self.folded = { act = self.act }
    for key, value in pairs(self.c.opts) do self.folded[key] = value end
    self.bn = nn.batch_norm(out)
  end,
  -- x, residual? -> act(norm(conv(x))) + residual
  forward = function(self, x, residual)
    local bn, y = self.bn
    x = self:cast(x)
    residual = residual and self:cast(residual)
    if self.training and not self.fixed then
      y = bn(self.c(x))
      y = self.act == "gelu" and y:gelu() or y
    else
      local w, b = self:fold()
      if self.product then
        -- Not going to change, it may be packed for the tile unit.
        if x.dtype == "bf16" and not ss.grad_enabled() then w:freeze_() end
        return x:linear(w, b, residual, { act = self.act })
      end
      y = x:conv3d(w, b, self.folded)
    end
    return residual and y + residual or y
  end,
}

-- Weight and bias of the convolution with the norm folded in; of a product, [out, inp] and [out].
function ConvBn:fold()
  local bn, w = self.bn, self.c.weight
  return nn.derived(self, "folded", { w, bn.weight, bn.bias, bn.running_mean, bn.running_var },
    function()
      local scale = bn.weight * (bn.running_var + bn.eps):rsqrt()
      local b = bn.bias - bn.running_mean * scale
      if self.product then
        return w:reshape { w:size(1), w:size(2) } * scale:reshape { -1, 1 }, b
      end
      return w * scale:reshape { -1, 1, 1, 1, 1 }, b
    end)
end

-- seq.0, seq.2: two halvings of the grid.
local PatchEmbed = nn.module {
  name = "patch_embed",
  init = function(self, out, c)
    self.seq = nn.list {}
    self.seq["0"] = ConvBn(1, out // 2, 3, { stride = 2, pad = 1 }, "gelu", c)
    self.seq["2"] = ConvBn(out // 2, out, 3, { stride = 2, pad = 1 }, nil, c)
  end,
  forward = function(self, x) return self.seq["2"](self.seq["0"](x)) end,
}

local function depthwise(channels, stride, act, c, size)
  size = size or 3
  return ConvBn(channels, channels, size, { stride = stride, pad = size // 2, groups = channels },
    act, c)
end

-- Inverted bottleneck of the first stage.
local MbConv = nn.module {
  name = "mbconv",
  init = function(self, channels, c)
    local hidden = channels * c.mbconv_expand_ratio // 1 | 0
    self.conv1 = ConvBn(channels, hidden, 1, {}, "gelu", c)
    self.conv2 = depthwise(hidden, 1, "gelu", c)
    self.conv3 = ConvBn(hidden, channels, 1, {}, nil, c)
    ss.no_grad(function() self.conv3.bn.weight:fill_(0) end)
  end,
  forward = function(self, x) return self.conv3(self.conv2(self.conv1(x)), x):gelu() end,
}

local Merging = nn.module {
  name = "patch_merging",
  init = function(self, inp, out, stride, c)
    self.conv1 = ConvBn(inp, out, 1, {}, "gelu", c)
    self.conv2 = depthwise(out, stride, "gelu", c)
    self.conv3 = ConvBn(out, out, 1, {}, nil, c)
  end,
  forward = function(self, x) return self.conv3(self.conv2(self.conv1(x))) end,
}

local Mlp = nn.module {
  name = "tiny_mlp",
  init = function(self, channels, hidden)
    self.norm = nn.layer_norm(channels)
    self.fc1 = attend.linear(channels, hidden, { act = "gelu" })
    self.fc2 = attend.linear(hidden, channels)
  end,
  forward = function(self, x, residual) return self.fc2(self.fc1(self.norm(x)), residual) end,
}

---Attention block, [n, r, r, r, channels] -> the same shape. c: the options of M.encoder. As in
---TinyViT, the convolution between attention and MLP has neither residual nor activation.
M.block = nn.module {
  name = "tiny_vit_block",
  init = function(self, channels, heads, window, c)
    self.attn = attend.attention(channels, heads, window, c)
    if c.moe then
      self.moe = SoftMoe(channels, c.num_experts, c.slots_per_expert, c.moe_normalize)
    else
      self.mlp = Mlp(channels, channels * c.mlp_ratio // 1 | 0)
    end
    self.local_conv = depthwise(channels, 1, nil, c, c.local_conv_size)
  end,
  forward = function(self, x)
    local n, r, c = x:size(1), x:size(2), x:size(5)
    x = self.local_conv(self.attn(x, x)):reshape { n, r * r * r, c }
    return (self.moe and x + self.moe(x) or self.mlp(x, x)):reshape { n, r, r, r, c }
  end,
}

local Stage = nn.module {
  name = "stage",
  -- make(): a block; next: { channels, stride } of the merge to the next stage
  init = function(self, channels, depth, make, next, c)
    local blocks = {}
    for i = 1, depth do blocks[i] = make() end
    self.blocks = nn.list(blocks)
    if next then self.downsample = Merging(channels, next[1], next[2], c) end
  end,
  forward = function(self, x)
    for _, block in ipairs(self.blocks:children()) do x = block(x) end
    return self.downsample and self.downsample(x) or x
  end,
}

---The options of the encoder and their released values.
M.DEFAULTS = {
  embed_dims = { 64, 128, 160, 320 }, depths = { 2, 2, 6, 2 }, num_heads = { 2, 4, 5, 10 },
  window_sizes = { 7, 7, 14, 7 }, -- the first heads and window are of no use: stage 0 convolves
  mbconv_expand_ratio = 4, local_conv_size = 3,
  moe = true, num_experts = 8, slots_per_expert = 1, -- in place of the MLPs
  mlp_ratio = 4,                                     -- of the MLPs, without moe
  -- Strides of the three merges. false is the official rule: 2, but 1 where the new width is 320,
  -- 448 or 576, the last merges of the published sizes.
  merge_strides = false,
  -- What released weights need, each with what one would rather have for training from scratch:
  window_reverse = "official", -- windows put together with exchanged axes, or "correct"
  window_padding = "official", -- padding tokens take part in attention, or are "masked"
  moe_normalize = false,       -- true: the soft mixture's logits are scaled cosines
  fixed_statistics = false,    -- true: batch norms keep their running statistics in training too
}

local UNMERGED = { [320] = true, [448] = true, [576] = true }

local function strides_of(c)
  if c.merge_strides then return c.merge_strides end
  local strides = {}
  for i = 2, #c.embed_dims do strides[i - 1] = UNMERGED[c.embed_dims[i]] and 1 or 2 end
  return strides
end

-- Halvings of the whole grid: two by the patch embedding, the others by merges.
local function grid_of(c, strides)
  local grid, factor = c.img_size // 4, 4
  for _, s in ipairs(strides) do grid, factor = grid // s, factor * s end
  return grid, factor
end

-- What is impossible about the settings, or nil.
local function wrong(c, strides)
  local stages = #c.embed_dims
  for _, key in ipairs { "depths", "num_heads", "window_sizes" } do
    if #c[key] ~= stages then
      return ("%s must have %d entries like embed_dims, got %d"):format(key, stages, #c[key])
    end
  end
  if #strides ~= stages - 1 then
    return ("merge_strides must have %d entries, got %d"):format(stages - 1, #strides)
  end
  for i = 2, stages do
    if c.embed_dims[i] % c.num_heads[i] ~= 0 then
      return ("width %d is not a multiple of %d heads"):format(c.embed_dims[i], c.num_heads[i])
    end
  end
  local _, factor = grid_of(c, strides)
  if c.img_size < factor or c.img_size % factor ~= 0 then
    return ("img_size %d is not a multiple of %d"):format(c.img_size, factor)
  end
  if c.local_conv_size % 2 == 0 then
    return ("local_conv_size must be odd, got %d"):format(c.local_conv_size)
  end
  return nn.one_of("window_reverse", c.window_reverse, "official", "correct")
    or nn.one_of("window_padding", c.window_padding, "official", "masked")
end

---Tokens per axis of the embedding; raises what is impossible about the settings.
---@param c table options
---@param level integer of the error
---@return integer
function M.grid(c, level)
  local strides = strides_of(c)
  local message = wrong(c, strides)
  if message then error("tiny_sam_med3d: " .. message, level + 1) end
  return (grid_of(c, strides))
end

---Options: M.DEFAULTS, img_size and prompt_embed_dim. forward: [n, s, s, s, 1] -> [n, g, g, g,
---prompt_embed_dim].
M.encoder = nn.module {
  name = "tiny_vit3d",
  init = function(self, c)
    local dims, strides = c.embed_dims, strides_of(c)
    self.patch_embed = PatchEmbed(dims[1], c)
    local stages = {}
    for i, channels in ipairs(dims) do
      stages[i] = Stage(channels, c.depths[i], function()
        if i == 1 then return MbConv(channels, c) end
        return M.block(channels, c.num_heads[i], c.window_sizes[i], c)
      end, dims[i + 1] and { dims[i + 1], strides[i] }, c)
    end
    self.layers = nn.list(stages)
    self.neck = sam3d.neck(dims[#dims], c.prompt_embed_dim)
  end,
  forward = function(self, x)
    x = self.patch_embed(x)
    for _, stage in ipairs(self.layers:children()) do x = stage(x) end
    return self.neck(x)
  end,
}

return M
