-- models/two_way.lua — SAM's two-way transformer: prompt tokens and image tokens attend to each
-- other. Width-agnostic: SAM-Med3D uses it over 3-D grids, SAM over 2-D ones.
local nn = require "semisam.nn"
local attend = require("semisam.models.attend").plain

local M = {}

-- q, k, v projections to `channels / rate`, heads, and back.
local Attention = nn.module {
  name = "attention",
  init = function(self, channels, heads, rate)
    local inner = channels // rate
    self.heads = heads
    self.q_proj = nn.linear(channels, inner)
    self.k_proj = nn.linear(channels, inner)
    self.v_proj = nn.linear(channels, inner)
    self.out_proj = nn.linear(inner, channels)
  end,
  forward = function(self, q, k, v)
    return self.out_proj(attend(self.q_proj(q), self.k_proj(k), self.v_proj(v), self.heads))
  end,
}

local Mlp = nn.module {
  name = "mlp",
  init = function(self, channels, hidden)
    self.lin1 = nn.linear(channels, hidden, { act = "relu" })
    self.lin2 = nn.linear(hidden, channels)
  end,
  forward = function(self, x) return self.lin2(self.lin1(x)) end,
}

-- One layer. `first`: the self-attention of layer 0 sees no positions and has no residual.
-- mlp(channels, hidden) makes its MLP.
local Layer = nn.module {
  name = "two_way_layer",
  init = function(self, channels, heads, hidden, rate, first, mlp)
    self.first = first
    self.self_attn = Attention(channels, heads, 1)
    self.norm1 = nn.layer_norm(channels)
    self.cross_attn_token_to_image = Attention(channels, heads, rate)
    self.norm2 = nn.layer_norm(channels)
    self.mlp = mlp(channels, hidden)
    self.norm3 = nn.layer_norm(channels)
    self.norm4 = nn.layer_norm(channels)
    self.cross_attn_image_to_token = Attention(channels, heads, rate)
  end,
  forward = function(self, q, k, q_pos, k_pos)
    if self.first then
      q = self.self_attn(q, q, q)
    else
      local placed = q + q_pos
      q = q + self.self_attn(placed, placed, q)
    end
    q = self.norm1(q)
    q = self.norm2(q + self.cross_attn_token_to_image(q + q_pos, k + k_pos, k))
    q = self.norm3(q + self.mlp(q))
    k = self.norm4(k + self.cross_attn_image_to_token(k + k_pos, q + q_pos, q))
    return q, k
  end,
}

---Linear layers with ReLU between: layers.0, layers.1, ...
M.head = nn.module {
  name = "mlp_head",
  init = function(self, inp, hidden, out, depth)
    local layers = {}
    for i = 1, depth do
      layers[i] = nn.linear(i == 1 and inp or hidden, i == depth and out or hidden,
        { act = i < depth and "relu" or "none" })
    end
    self.layers = nn.list(layers)
  end,
  forward = function(self, x)
    for _, layer in ipairs(self.layers:children()) do x = layer(x) end
    return x
  end,
}

local function sam2_mlp(channels, hidden) return M.head(channels, hidden, channels, 2) end

---forward(q [p, t, c], k [p, s, c], k_pos [p or 1, s, c]) -> both, updated. The positions of the
---queries are the queries themselves. `sam2`: the MLPs have the names of SAM 2's checkpoints.
M.transformer = nn.module {
  name = "two_way_transformer",
  init = function(self, depth, channels, heads, hidden, rate, sam2)
    local layers, mlp = {}, sam2 and sam2_mlp or Mlp
    for i = 1, depth do layers[i] = Layer(channels, heads, hidden, rate, i == 1, mlp) end
    self.layers = nn.list(layers)
    self.final_attn_token_to_image = Attention(channels, heads, rate)
    self.norm_final_attn = nn.layer_norm(channels)
  end,
  forward = function(self, q, k, k_pos)
    local q_pos = q
    for _, layer in ipairs(self.layers:children()) do q, k = layer(q, k, q_pos, k_pos) end
    q = self.norm_final_attn(q + self.final_attn_token_to_image(q + q_pos, k + k_pos, k))
    return q, k
  end,
}

return M
