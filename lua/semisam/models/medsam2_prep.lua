-- models/medsam2_prep.lua — what MedSAM2 expects of its slices: 8-bit intensities, each slice
-- resized to the square the network sees as Pillow does it, three equal channels, ImageNet
-- normalisation.
local ss = require "semisam"

local M = {}

local MEAN = { 0.485, 0.456, 0.406 }
local STD = { 0.229, 0.224, 0.225 }
local LOW, HIGH = 0.5, 99.5 -- percentiles of the voxels > 0

-- The double nearest to a float32 constant, as the official scripts hold them.
local function single(v) return (string.unpack("<f", string.pack("<f", v))) end

-- Percentile q of the n values of x from rank `first` on, in double precision.
local function percentile(x, first, n, q)
  local at = q / 100 * (n - 1)
  local k = math.floor(at)
  local pair = x:kth_value(ss.tensor({ first + k, first + math.min(k + 1, n - 1) },
    { dtype = "i64" })):flat()
  local part = at - k
  if part < 0.5 then return pair[1] + (pair[2] - pair[1]) * part end
  return pair[2] - (pair[2] - pair[1]) * (1 - part)
end

local function of_positive(x)
  local n = math.tointeger(x:gt(0):sum():item())
  if n == 0 then return 0, 0 end
  return percentile(x, x.count - n, n, LOW), percentile(x, x.count - n, n, HIGH)
end

---The intensities that become 0 and 255, as doubles. `window` is
---  { low, high }  a CT window; the smallest and largest voxel inside it count, not its ends
---  "percentile"   0.5 and 99.5 percent of the voxels > 0; voxels of exactly 0 stay 0 (not CT)
---  "minmax"       the whole range
---  "u8"           0..255 as they are
---@param x semisam.tensor
---@param window string|number[]
---@return {lo: number, hi: number, keep_zero: boolean}
function M.limits(x, window)
  if window == "u8" then return { lo = 0, hi = 255, keep_zero = false } end
  local lo, hi = -math.huge, math.huge
  if window == "percentile" then
    lo, hi = of_positive(x)
  elseif type(window) == "table" then
    lo, hi = table.unpack(window)
    if type(lo) ~= "number" or type(hi) ~= "number" or lo > hi then
      error("medsam2: a window is {low, high} with low <= high", 2)
    end
  elseif window ~= "minmax" then
    error(('medsam2: window must be "minmax", "percentile", "u8" or {low, high}, got %s'):format(
      tostring(window)), 2)
  end
  local function inside(v) return math.max(lo, math.min(hi, v)) end
  return { lo = inside(x:min():item()), hi = inside(x:max():item()),
    keep_zero = window == "percentile" }
end

---Intensities as bytes; fractions are cut off.
---@param x semisam.tensor
---@param window string|number[] see limits
---@return semisam.tensor u8, same shape
function M.to_u8(x, window)
  if x.dtype == "u8" and window == "u8" then return x end
  return ss.no_grad(ss.scoped, function()
    local l = M.limits(x, window)
    return x:scale_u8(l.lo, l.hi, l.keep_zero)
  end)
end

---Slices at the size of the network. A slice that has it is not touched.
---@param slices semisam.tensor [d, h, w, 1]: u8 (Pillow's bicubic) or f32 in 0..255 (linear)
---@param size integer
---@return semisam.tensor [d, size, size, 1]
function M.resize(slices, size)
  if slices:size(2) == size and slices:size(3) == size then return slices end
  if slices.dtype == "u8" then return slices:resize_u8 { size, size } end
  return slices:resize({ size, size }, { mode = "linear" })
end

-- Normalised value of every byte and channel [256, 3], computed in double precision.
local function byte_table()
  local list = {}
  for v = 0, 255 do
    for c = 1, 3 do list[#list + 1] = (v / 255 - single(MEAN[c])) / single(STD[c]) end
  end
  return ss.tensor(list):reshape { 256, 3 }
end

---(x / 255 - mean) / std in three equal channels.
---@param slices semisam.tensor [d, h, w, 1] u8, or f32 in 0..255
---@return semisam.tensor [d, h, w, 3] f32
function M.normalise(slices)
  if slices.ndim ~= 4 or slices:size(4) ~= 1 then
    error(("medsam2: slices must be [d,h,w,1], got [%s]"):format(
      table.concat(slices.shape, ",")), 2)
  end
  return ss.no_grad(ss.scoped, function()
    if slices.dtype ~= "u8" then
      return (slices:to("f32") / 255 - ss.tensor(MEAN)) / ss.tensor(STD)
    end
    local d, h, w = table.unpack(slices.shape)
    return byte_table():index_select(slices:to("i32"):reshape { slices.count }, 1)
      :reshape { d, h, w, 3 }
  end)
end

return M
