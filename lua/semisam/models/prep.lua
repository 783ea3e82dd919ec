-- models/prep.lua — what a network expects of its input. A network says it in its field
-- `prep = { norm = ..., spacing = ... }`: `norm` is one of the names below, `spacing` the voxel
-- size in mm it was made for (nil: any).
local ss = require "semisam"

local M = {}

local EPS = 1e-8

-- Per sample and channel over space, as [n, 1, 1, 1, c].
local function over_space(x, op, opts)
  opts = opts or {}
  opts.dims, opts.keepdim = { 2, 3, 4 }, true
  return x[op](x, opts)
end

M.norms = {
  ---As it comes.
  none = function(x) return x end,
  ---To [0, 1] by the smallest and largest value; a constant volume becomes 0.
  minmax = function(x)
    local low, high = over_space(x, "min"), over_space(x, "max")
    local span = high - low
    return (x - low) / ss.where(span:gt(0), span, 1)
  end,
  ---Mean 0 and population standard deviation 1 over all voxels (nnU-Net).
  zscore = function(x)
    local mean = over_space(x, "mean")
    local centred = x - mean
    return centred / (over_space(centred * centred, "mean"):sqrt() + EPS)
  end,
  ---Mean and unbiased standard deviation over the voxels > 0, applied to all (SAM-Med3D). A volume
  ---without such voxels is left as it is.
  zscore_positive = function(x)
    local on = x:gt(0):to("f32")
    local n = over_space(on, "sum")
    local mean = over_space(x * on, "sum") / n:maximum(1)
    local centred = (x - mean) * on
    local var = over_space(centred * centred, "sum") / (n - 1):maximum(1)
    local std = ss.where(var:gt(0), var:sqrt(), 1)
    return (x - mean) / std
  end,
}

---The image as the network wants it.
---@param prep { norm: string }
---@param x tensor [n, d, h, w, c] f32
---@return tensor
function M.prepare(prep, x)
  local norm = M.norms[prep.norm]
  if not norm then
    local known = {}
    for name in pairs(M.norms) do known[#known + 1] = name end
    table.sort(known)
    error(("prepare: unknown norm %q, expected one of %s"):format(tostring(prep.norm),
      table.concat(known, ", ")), 2)
  end
  return ss.no_grad(ss.scoped, norm, x)
end

return M
