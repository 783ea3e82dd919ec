-- nn/upsampled.lua — a convolution of a volume enlarged by repetition, computed from the small one.
--
-- Along an axis, y[t] = sum over s of w[s] x[(t + s - p) // f]: x repeated f times, k weights, pad
-- p. Voxel i of x meets w[s] at t = f i + e - s + p for e = 0 .. f - 1. That is a transposed
-- convolution of x with stride f and pad k - 1 - p, whose f + k - 1 weights are sums of those of w:
-- tap u is the sum over all s and e with u = e - s + k - 1. A result takes (f + k - 1) / f products
-- along the axis instead of k, in the plane with f = 2 and k = 3 4 instead of 9, and so do both
-- gradients; the large volume is never made.
--
-- Where the plane is doubled, f32 has an op of its own that needs 9 products for 4 results of the
-- plane where this needs 16 (kernels/support/winograd.h).
local ss = require "semisam"
local derived = require "semisam.nn.derived"

local M = {}

-- [k][f + k - 1]: how often w[s] is in tap u.
local function counts(k, f)
  local rows = {}
  for s = 1, k do
    rows[s] = {}
    for u = 1, f + k - 1 do
      local e = u - 1 + s - k -- of u - 1 = e - (s - 1) + k - 1
      rows[s][u] = e >= 0 and e < f and 1 or 0
    end
  end
  return rows
end

-- The same for all axes at once, as a matrix [product of k, product of taps].
local function matrix(kernel, factor)
  local whole = { { 1 } }
  for axis, k in ipairs(kernel) do
    local along, next_whole = counts(k, factor[axis]), {}
    for _, outer in ipairs(whole) do
      for _, inner in ipairs(along) do
        local row = {}
        for _, a in ipairs(outer) do
          for _, b in ipairs(inner) do row[#row + 1] = a * b end
        end
        next_whole[#next_whole + 1] = row
      end
    end
    whole = next_whole
  end
  return whole
end

local matrices = {} -- by kernel and factor

local function matrix_for(kernel, factor)
  local key = table.concat(kernel, ",") .. "/" .. table.concat(factor, ",")
  matrices[key] = matrices[key] or matrix(kernel, factor)
  return ss.tensor(matrices[key])
end

---The weight of the transposed convolution.
---@param weight tensor [out, in, k..]
---@param factor integer[] repetitions along each axis
---@return tensor [in, out, taps..]
function M.weight(weight, factor)
  local out, inp, kernel, taps = weight:size(1), weight:size(2), {}, {}
  for i, f in ipairs(factor) do
    kernel[i] = weight:size(i + 2)
    taps[i] = f + kernel[i] - 1
  end
  local sums = weight:reshape { out, inp, -1 }
    :matmul(matrix_for(kernel, factor):to(weight.dtype):to(weight.device))
  return sums:permute { 2, 1, 3 }:reshape { inp, out, table.unpack(taps) }
end

---x with every voxel repeated.
---@param x tensor [n, size.., c]
---@param factor integer[] repetitions along each axis
---@return tensor
function M.repeated(x, factor)
  local size = {}
  for i, f in ipairs(factor) do size[i] = f * x:size(i + 1) end
  return x:resize(size, { mode = "nearest" })
end

-- On a GPU the two ways were never timed side by side: there the volume is enlarged.
local function folds(self, x, kernel)
  local o = self.opts
  if x.device:find "cuda" or o.groups ~= 1 or o.stride ~= 1 or o.dilation ~= 1 then return false end
  for _, k in ipairs(kernel) do
    if type(o.pad) ~= "number" or o.pad > k - 1 then return false end
  end
  return true
end

-- Whether _twice_conv3d needs no large volume, as ss_winograd_serves().
local function twice(self, x, name)
  local f, w = self.upsample, self.weight
  if name ~= "conv3d" or ss.isa() ~= "v4" or x.dtype ~= "f32" or w.dtype ~= "f32" then
    return false
  end
  local shapes = f[2] == 2 and f[3] == 2 and w:size(4) == 3 and w:size(5) == 3
    and self.opts.pad == 1
  local out, inp, slices = w:size(1), w:size(2), f[1] * x:size(2)
  local results = 4 * x:size(1) * slices * x:size(3) * x:size(4)
  return shapes and out >= 8 and inp >= 8 and out * inp >= 128 and slices >= 4
    and results >= (out * inp > 128 * 256 and 4096 or 1024)
end

---What a convolution module gives for x repeated `self.upsample` times.
---@param self table module with weight, bias, opts (stride, pad, dilation, groups), upsample
---@param x tensor [n, size.., c]
---@param name "conv2d"|"conv3d"
---@return tensor
function M.forward(self, x, name)
  local factor, kernel, pad = self.upsample, {}, {}
  if x.ndim ~= #factor + 2 or x:size(x.ndim) ~= self.opts.groups * self.weight:size(2) then
    return x[name](x, self.weight, self.bias, self.opts) -- says what is wrong
  end
  for i in ipairs(factor) do kernel[i] = self.weight:size(i + 2) end
  if not folds(self, x, kernel) then
    x = M.repeated(x, factor)
    return x[name](x, self.weight, self.bias, self.opts)
  end
  if twice(self, x, name) then
    if factor[1] > 1 then x = M.repeated(x, { factor[1], 1, 1 }) end
    return ss._ops._twice_conv3d(x, self.weight, self.bias)
  end
  for i, k in ipairs(kernel) do pad[i] = k - 1 - self.opts.pad end
  local weight = derived(self, "folded", { self.weight },
    function() return M.weight(self.weight, factor) end)
  local transposed = name == "conv3d" and x.conv_transpose3d or x.conv_transpose2d
  return transposed(x, weight, self.bias, { stride = factor, pad = pad })
end

return M
