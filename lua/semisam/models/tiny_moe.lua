-- models/tiny_moe.lua — soft mixture of experts (Puigcerver et al., From sparse to soft mixtures of
-- experts, 2024) as Tiny SAM-Med3D has it: tokens enter without any normalisation, and every expert
-- is one linear layer.
local ss = require "semisam"
local nn = require "semisam.nn"

local EPS = 1e-6 -- of the optional normalisation

local Experts = nn.module {
  name = "experts",
  init = function(self, n, channels)
    local bound = 1 / channels -- torch's fan-in of a 3-d tensor is its last two axes
    self:parameter("weight", nn.init_uniform({ n, channels, channels }, bound))
    self:parameter("bias", nn.init_uniform({ n, channels }, bound))
  end,
  -- [b, n, slots, c] -> the same shape. There are few slots, so the masters are used as they are
  -- and reading them once is all the work.
  forward = function(self, x)
    local n, c = self.bias:size(1), self.bias:size(2)
    return x:to("f32"):matmul(self.weight) + self.bias:reshape { n, 1, c }
  end,
}

local function unit(x, dim)
  return x / (x:square():sum { dims = { dim }, keepdim = true } + EPS * EPS):sqrt()
end

local SoftMoe = nn.module {
  name = "soft_moe",
  -- normalize: as the paper advises for wide layers, unlike the official code: logits are scaled
  -- cosines, with one more parameter, `scale`
  init = function(self, channels, experts, slots, normalize)
    self.slots = { experts, slots }
    self:parameter("phi", nn.init_uniform({ channels, experts, slots },
      1 / math.sqrt(experts * slots)))
    if normalize then self:parameter("scale", ss.ones { 1 }) end
    self.experts = Experts(experts, channels)
  end,
  -- x [b, m, c] -> the same shape
  forward = function(self, x)
    x = self:cast(x)
    local b, c = x:size(1), x:size(3)
    local n, slots = self.slots[1], self.slots[2]
    local dispatch, combine = self:route(x)
    local y = self.experts(dispatch:to(x.dtype):matmul(x):reshape { b, n, slots, c })
    return combine:to(x.dtype):matmul(y:reshape({ b, n * slots, c }):to(x.dtype))
  end,
}

---Logits of every token and slot, [b, m, experts * slots] f32. Tokens are not normalised, so logits
---are large, and what rounding does to them the softmax raises to a power: they stay f32.
function SoftMoe:logits(x)
  local phi = self.phi:reshape { self.phi:size(1), -1 }
  x = x:to("f32")
  if self.scale then x, phi = unit(x, 3), unit(phi, 1) * self.scale end
  return x:matmul(phi)
end

---How much of each token a slot takes, and how much of each slot a token gets.
---@param x tensor [b, m, c]
---@return tensor dispatch [b, s, m], rows sum to 1
---@return tensor combine [b, m, s], rows sum to 1
function SoftMoe:route(x)
  local logits = self:logits(x)
  return logits:transpose(2, 3):softmax(), logits:softmax()
end

return SoftMoe
