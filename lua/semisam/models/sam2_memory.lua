-- models/sam2_memory.lua — how SAM 2 remembers: an encoder of (image, mask) to memory features, and
-- attention of the image to memories and object pointers.
local ss = require "semisam"
local nn = require "semisam.nn"
local position = require "semisam.models.sam2_position"

local LN_EPS = 1e-6
local POS_WEIGHT = 0.1 -- of the position encoding added to the queries
local MASK_WIDTHS = { 1, 4, 16, 64, 256 }

local M = {}

local MaskDownsampler = nn.module {
  name = "mask_downsampler",
  init = function(self, channels)
    local steps = {}
    for i = 1, #MASK_WIDTHS - 1 do
      steps[#steps + 1] = nn.conv2d(MASK_WIDTHS[i], MASK_WIDTHS[i + 1], 3, { stride = 2, pad = 1 })
      steps[#steps + 1] = nn.layer_norm(MASK_WIDTHS[i + 1], { eps = LN_EPS })
      steps[#steps + 1] = ss.gelu
    end
    steps[#steps + 1] = nn.conv2d(MASK_WIDTHS[#MASK_WIDTHS], channels, 1)
    self.encoder = nn.sequential(table.unpack(steps))
  end,
  forward = function(self, x) return self.encoder(x) end,
}

-- A ConvNeXt block (Z. Liu et al., 2022).
local Fuse = nn.module {
  name = "convnext_block",
  init = function(self, channels)
    self:parameter("gamma", ss.full({ channels }, 1e-6))
    self.dwconv = nn.conv2d(channels, channels, 7, { pad = 3, groups = channels })
    self.norm = nn.layer_norm(channels, { eps = LN_EPS })
    self.pwconv1 = nn.linear(channels, 4 * channels, { act = "gelu" })
    self.pwconv2 = nn.linear(4 * channels, channels)
  end,
  forward = function(self, x)
    return x + self.pwconv2(self.pwconv1(self.norm(self.dwconv(x)))) * self:cast(self.gamma)
  end,
}

local Fuser = nn.module {
  name = "fuser",
  init = function(self, channels, count)
    local layers = {}
    for i = 1, count do layers[i] = Fuse(channels) end
    self.layers = nn.list(layers)
  end,
  forward = function(self, x)
    for _, layer in ipairs(self.layers:children()) do x = layer(x) end
    return x
  end,
}

---forward(feature [1 or n, e, e, d], mask [n, 16e, 16e, 1]) -> [n, e, e, c]. The mask is a logit
---or probability already scaled.
M.encoder = nn.module {
  name = "memory_encoder",
  init = function(self, channels, out)
    self.mask_downsampler = MaskDownsampler(channels)
    self.pix_feat_proj = nn.conv2d(channels, channels, 1)
    self.fuser = Fuser(channels, 2)
    if out ~= channels then self.out_proj = nn.conv2d(channels, out, 1) end
  end,
  forward = function(self, feature, mask)
    local x = self.fuser(self.pix_feat_proj(feature) + self.mask_downsampler(mask))
    return self.out_proj and self.out_proj(x) or x
  end,
}

-- One head, with rotary positions of the queries and of the first `turned` keys.
local RopeAttention = nn.module {
  name = "rope_attention",
  init = function(self, channels, key_channels)
    self.q_proj = nn.linear(channels, channels)
    self.k_proj = nn.linear(key_channels, channels)
    self.v_proj = nn.linear(key_channels, channels)
    self.out_proj = nn.linear(channels, channels)
  end,
  -- q, residual [n, t, d]; k, v [n, s, c]; cos, sin [t, d/2]
  forward = function(self, q, k, v, cos, sin, turned, residual)
    local function one_head(x) return x:reshape { x:size(1), x:size(2), 1, x:size(3) } end
    local y = ss.attention(one_head(self.q_proj(q)):rope(cos, sin),
      one_head(self.k_proj(k)):rope(cos, sin, { tokens = turned }), one_head(self.v_proj(v)))
    return self.out_proj(y:reshape(q.shape), residual)
  end,
}

local Layer = nn.module {
  name = "memory_attention_layer",
  init = function(self, channels, memory, hidden)
    self.self_attn = RopeAttention(channels, channels)
    self.cross_attn_image = RopeAttention(channels, memory)
    self.linear1 = nn.linear(channels, hidden, { act = "relu" })
    self.linear2 = nn.linear(hidden, channels)
    self.norm1 = nn.layer_norm(channels)
    self.norm2 = nn.layer_norm(channels)
    self.norm3 = nn.layer_norm(channels)
  end,
  forward = function(self, x, keys, memory, cos, sin, turned)
    local y = self.norm1(x)
    x = self.self_attn(y, y, y, cos, sin, y:size(2), x)
    x = self.cross_attn_image(self.norm2(x), keys, memory, cos, sin, turned, x)
    return self.linear2(self.linear1(self.norm3(x)), x)
  end,
}

---forward(x [n, t, d], pos [1, t, d], memory [n, m, c], memory_pos [n or 1, m, c], pointers: how
---many of the last memory tokens have no place in the image) -> [n, t, d]. t is a square.
M.attention = nn.module {
  name = "memory_attention",
  init = function(self, channels, memory, hidden, depth)
    self.channels = channels
    local layers = {}
    for i = 1, depth do layers[i] = Layer(channels, memory, hidden) end
    self.layers = nn.list(layers)
    self.norm = nn.layer_norm(channels)
  end,
  forward = function(self, x, pos, memory, memory_pos, pointers)
    local t, turned = x:size(2), memory:size(2) - pointers
    local side = math.floor(math.sqrt(t) + 0.5)
    if side * side ~= t or turned < 0 or turned % t ~= 0 then
      error(("memory_attention: %d tokens of memory, %d of them pointers, do not fit a square "
        .. "image of %d tokens"):format(memory:size(2), pointers, t), 0)
    end
    local cos, sin = self:tables(side, x.device)
    x, memory = self:cast(x + pos * POS_WEIGHT), self:cast(memory)
    local keys = memory + self:cast(memory_pos)
    for _, layer in ipairs(self.layers:children()) do
      x = layer(x, keys, memory, cos, sin, turned)
    end
    return self.norm(x)
  end,
}

---The rotary tables of a grid of side x side, kept for the next call.
function M.attention:tables(side, device)
  local kept = self.rotary
  if not kept or kept.side ~= side or kept.device ~= device then
    local cos, sin = position.axial(side, self.channels, device)
    kept = { side = side, device = device, cos = ss.keep(cos), sin = ss.keep(sin) }
    rawset(self, "rotary", kept)
  end
  return kept.cos, kept.sin
end

return M
