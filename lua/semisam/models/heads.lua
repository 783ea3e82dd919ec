-- models/heads.lua — what segmentation networks with several answers share.
local ss = require "semisam"
local nn = require "semisam.nn"

local M = {}

-- Twice the grid, interpolated or repeated, then a 3x3x3 convolution (MC-Net's other decoders).
local Interpolate = nn.module {
  name = "interpolate",
  init = function(self, inp, out, nearest)
    self.nearest = nearest
    self.conv = nn.conv3d(inp, out, 3, { pad = 1, upsample = nearest and 2 })
  end,
  forward = function(self, x) return self.conv(self.nearest and x or M.twice(x)) end,
}

---A volume on twice its grid, interpolated.
---@param x tensor [n, d, h, w, c]
---@return tensor
function M.twice(x)
  return x:resize({ 2 * x:size(2), 2 * x:size(3), 2 * x:size(4) }, { mode = "linear" })
end

---A module that doubles the grid.
---@param kind "transposed"|"linear"|"nearest"
---@param inp integer channels
---@param out integer
---@return table module
function M.double(kind, inp, out)
  if kind == "transposed" then return nn.conv_transpose3d(inp, out, 2, { stride = 2 }) end
  if kind == "linear" or kind == "nearest" then return Interpolate(inp, out, kind == "nearest") end
  error(("decoders: a decoder is transposed, linear or nearest, got %s"):format(tostring(kind)), 0)
end

---Logits of a coarser level on the grid of x.
---@param logits tensor
---@param x tensor
---@return tensor
function M.full_size(logits, x)
  return logits:resize({ x:size(2), x:size(3), x:size(4) }, { mode = "linear" })
end

---Runs f in a scope; of what it makes, a list of tensors and perhaps one more live on.
---@param f fun(): tensor[], tensor?
---@return tensor[]
---@return tensor?
function M.scoped(f)
  local kept = ss.scoped(function()
    local list, more = f()
    return { list = list, more = more }
  end)
  return kept.list, kept.more
end

return M
