-- models/prompt_unet.lua — a small promptable generalist: the U-Net with three input channels,
-- image, point heat map (+1 inside, -1 outside) and mask prompt (2 sigmoid(logits) - 1).
-- A box prompt is a mask prompt of its voxels. It is what Semi-SAM+ prompts where no weights of a
-- large generalist can be had.
local ss = require "semisam"
local nn = require "semisam.nn"
local UNet3d = require "semisam.models.unet3d"
local role = require "semisam.models.role"

local DEFAULTS = {
  base = 8, levels = 4, dropout = 0,
  point_sigma = 1.5, -- voxels: width of the Gaussian that marks a point
  norm = "minmax",
}

local BOX_LOGIT = 4 -- of a box that stands in for a mask

local PromptUNet = nn.module {
  name = "prompt_unet",
  init = function(self, opts)
    opts = nn.options("prompt_unet", opts, DEFAULTS)
    self.config, self.prep = opts, { norm = opts.norm }
    self.net = UNet3d { in_channels = 3, classes = 1, base = opts.base, levels = opts.levels,
      dropout = opts.dropout, norm = opts.norm }
  end,
  forward = function(self, x, prompts) return self:decode(self:encode(x), prompts) end,
}

function PromptUNet:prepare(x) return require("semisam.models.prep").prepare(self.prep, x) end

-- exp(-(i - at)^2 / 2 sigma^2) for i = 0..n-1, shaped to lie along axis `axis` of a volume.
local function bump(at, n, axis, sigma, device)
  local shape = { 1, 1, 1, 1, 1 }
  shape[axis] = n
  local i = ss.arange(n, { device = device }) - at
  return (i * i * (-0.5 / (sigma * sigma))):exp():reshape(shape)
end

---Sum of signed Gaussians at the points, clamped to [-1, 1].
---@param one { points: number[][]?, labels: number[]? }
---@param size integer[] { d, h, w }
---@param device string?
---@return tensor [1, d, h, w, 1]
function PromptUNet:heat_map(one, size, device)
  local map = ss.zeros({ 1, size[1], size[2], size[3], 1 }, { device = device })
  local sigma = self.config.point_sigma
  for k, p in ipairs(one.points or {}) do
    local sign = one.labels[k] == 1 and 1 or -1
    local line = bump(p[1], size[1], 2, sigma, device) * sign
    local plane = bump(p[2], size[2], 3, sigma, device) * bump(p[3], size[3], 4, sigma, device)
    map = map + line * plane
  end
  return map:clamp(-1, 1)
end

---The prompts enter with the image, so there is nothing to compute ahead.
---@param x tensor [n, d, h, w, 1]
---@return { x: tensor }
function PromptUNet:encode(x) -- luacheck: no self
  return { x = x }
end

---@param code { x: tensor } from encode
---@param prompts table see models/role.lua
---@return tensor logits [n, d, h, w, 1]
function PromptUNet:decode(code, prompts)
  return ss.scoped(function()
    local x = code.x
    local n, size = x:size(1), { x:size(2), x:size(3), x:size(4) }
    local heat, mask = {}, {}
    for i, one in ipairs(role.each(prompts, n, true)) do
      heat[i] = self:heat_map(one, size, x.device)
      local shape = one.mask and role.mask_on(one.mask, size)
        or one.box and role.box_mask(one.box, size, BOX_LOGIT, x.device)
      mask[i] = shape and shape:sigmoid() * 2 - 1
        or ss.zeros({ 1, size[1], size[2], size[3], 1 }, { device = x.device })
    end
    return self.net(ss.cat(x, nn.cat(heat, 1), nn.cat(mask, 1), { dim = 5 }))
  end)
end

return PromptUNet
