-- preprocess.lua — from a volume on disk to the tensor that a network sees, and back.
--
-- Normalise, resample to a voxel size, crop or pad to a size around the centre. The way back is a
-- `grid`: plain numbers that put a map of the network's size onto exactly the voxels of the file.
local fail = require "semisam.fail"
local ss = require "semisam"

local preprocess = {}
local rf = require "semisam.data.rf"

-- Every setting that changes a result; the cache is keyed by them.
preprocess.DEFAULTS = {
  normalise = "minmax", -- minmax, percentile, zscore, none
  percentiles = { 0.5, 99.5 },
  spacing = "keep", -- "keep", or the voxel side in mm to resample to
  true_spacing = false, -- voxel side in mm where the header is wrong
  size = {}, -- voxels d, h, w after crop or pad; empty: as resampled
  centre = "volume", -- of the crop: the volume's, or the intensity's centroid
  signal = "display", -- display: brightness; rf: raw echoes to log envelope; rf_linear: to envelope
  beam = "h", -- axis along which raw echoes were sampled
  dynamic_range = 60, -- dB of a log envelope
  classes = 1, -- 1: inside or not; more: labels 0 .. classes - 1
  label_channel = 1, -- of a 4-D label file
}

local VERSION = 1 -- raised when the results change

local function refuse(fmt, ...) fail.data("%s", "preprocess: " .. fmt:format(...)) end

local normalise = {}

function normalise.minmax(x)
  local low, high = x:min():item(), x:max():item()
  if high <= low then return x * 0 end
  return (x - low) / (high - low)
end

function normalise.percentile(x, opts)
  local low = x:percentile(opts.percentiles[1]):item()
  local high = x:percentile(opts.percentiles[2]):item()
  if high <= low then return x * 0 end
  return ((x - low) / (high - low)):clamp(0, 1)
end

function normalise.zscore(x)
  local centred = x - x:mean()
  local std = (centred * centred):mean():sqrt():item()
  if std <= 0 then return x * 0 end
  return centred / std
end

function normalise.none(x) return x end

--- Maps the brightness of one volume. A constant volume becomes 0.
---@param x semisam.tensor f32
---@param opts table
function preprocess.normalise(x, opts)
  local f = normalise[opts.normalise]
  if not f then
    refuse("normalise is minmax, percentile, zscore or none, got %s", tostring(opts.normalise))
  end
  return f(x, opts)
end

--- Raw echoes as brightness; a display image stays as it is.
---@param x semisam.tensor [d, h, w, c] f32
---@param opts table
function preprocess.brightness(x, opts)
  local signal = opts.signal or "display"
  if signal == "display" then return x end
  if signal == "rf_linear" then return rf.envelope(x, opts.beam) end
  if signal == "rf" then return rf.compress(rf.envelope(x, opts.beam), opts.dynamic_range) end
  refuse("signal is display, rf or rf_linear, got %s", tostring(signal))
end

--- How a volume of `size` voxels (d, h, w) with sides `spacing_mm` will be resampled and cut.
---@param at? number[] voxel (d, h, w) of the file that the cut is centred on; nil: the middle
---@return table grid {file, spacing_mm, resampled, start, size}: start is the first voxel kept,
--- negative where the volume is padded
function preprocess.grid(size, spacing_mm, opts, at)
  local grid = { file = size, spacing_mm = spacing_mm, resampled = {}, start = {}, size = {} }
  for i = 1, 3 do
    local n = size[i]
    if opts.spacing ~= "keep" then
      local side = opts.true_spacing or spacing_mm[i]
      n = math.max(1, math.floor(n * side / opts.spacing + 0.5))
    end
    local want = opts.size and opts.size[i] or n
    grid.resampled[i], grid.size[i] = n, want
    grid.start[i] = (n - want) // 2
    if at and n > want then
      local middle = (at[i] + 0.5) * n / size[i] - want / 2
      grid.start[i] = math.max(0, math.min(n - want, math.floor(middle + 0.5)))
    end
  end
  return grid
end

local function same(a, b) return a[1] == b[1] and a[2] == b[2] and a[3] == b[3] end

-- Voxel centres of the new grid in the old one, for images and labels alike; the border repeats.
local function resample(x, from, to, mode)
  local m = { { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 } }
  for i = 1, 3 do
    m[i][i] = from[i] / to[i]
    m[i][4] = 0.5 * m[i][i] - 0.5
  end
  return ss.affine_sample(x, ss.tensor(m), { size = to, mode = mode, border = "edge" })
end

--- [n, d, h, w, c] cut or padded with 0 so that it starts at voxel `start` (negative: before the
--- first one) and has `size` voxels.
---@param x semisam.tensor
---@param start integer[] d, h, w counted from 0
---@param size integer[]
function preprocess.window(x, start, size)
  local pads, needed = { 0, 0 }, false
  for i = 3, 1, -1 do
    local before, after = -start[i], start[i] + size[i] - x.shape[i + 1]
    pads[#pads + 1], pads[#pads + 2] = before, after
    needed = needed or before ~= 0 or after ~= 0
  end
  return needed and x:pad(pads) or x
end

--- A volume of the file's grid [d, h, w, c] on the network's: [d, h, w, c].
---@param x semisam.tensor
---@param grid table
---@param mode "linear"|"nearest"
function preprocess.forward(x, grid, mode)
  local s = x.shape
  x = x:reshape { 1, s[1], s[2], s[3], s[4] }
  if not same(grid.file, grid.resampled) then x = resample(x, grid.file, grid.resampled, mode) end
  x = preprocess.window(x, grid.start, grid.size)
  return x:reshape { grid.size[1], grid.size[2], grid.size[3], s[4] }
end

--- A map on the network's grid [d, h, w, c] back on the file's. What the crop cut away is 0.
---@param x semisam.tensor probabilities (then trilinear) or labels ("nearest")
function preprocess.backward(x, grid, mode)
  local s = x.shape
  x = x:reshape { 1, s[1], s[2], s[3], s[4] }
  local back = { -grid.start[1], -grid.start[2], -grid.start[3] }
  x = preprocess.window(x, back, grid.resampled)
  if not same(grid.file, grid.resampled) then
    x = resample(x, grid.resampled, grid.file, mode or "linear")
  end
  return x:reshape { grid.file[1], grid.file[2], grid.file[3], s[4] }
end

-- [z, y, x] voxels of the file's channels as [d, h, w, c] f32.
local function read_image(case)
  local parts, first = {}, nil
  for k, path in ipairs(case.channels) do
    local img = ss.nifti_read(path)
    first = first or img
    local x = img.data:to("f32")
    if #x.shape == 3 then x = x:reshape { 1, x.shape[1], x.shape[2], x.shape[3] } end
    if #x.shape ~= 4 then
      refuse("%s: expected one volume or channels, got %d axes", path, #x.shape)
    end
    if k > 1 then preprocess.same_grid(first, case.channels[1], img, path) end
    for i = 1, x.shape[1] do
      parts[#parts + 1] = x:slice(1, i, i):reshape { x.shape[2], x.shape[3], x.shape[4], 1 }
    end
  end
  return parts, first
end

local function sides(data)
  local s = data.shape
  return { s[#s - 2], s[#s - 1], s[#s] }
end

--- Refuses two files whose voxels are not the same places.
function preprocess.same_grid(a, a_path, b, b_path)
  local sa, sb = sides(a.data), sides(b.data)
  if not same(sa, sb) then
    refuse("%s has %dx%dx%d voxels, %s has %dx%dx%d (z, y, x)", a_path, sa[1], sa[2], sa[3],
      b_path, sb[1], sb[2], sb[3])
  end
  local worst, where = 0, ""
  for i = 1, 3 do
    for j = 1, 4 do
      local d = math.abs(a.affine[i][j] - b.affine[i][j])
      if d > worst then
        worst, where = d, ("row %d column %d: %g and %g"):format(i, j, a.affine[i][j],
          b.affine[i][j])
      end
    end
  end
  local voxel = math.min(table.unpack(a.spacing))
  if worst > 0.01 * voxel then
    refuse("%s and %s lie in different places (affine %s)", a_path, b_path, where)
  end
end

-- A label file, and its channel as [z, y, x].
local function open_label(case, channel)
  local lab = ss.nifti_read(case.label, { as = "label" })
  local x = lab.data
  if #x.shape == 4 then
    if channel > x.shape[1] then
      refuse("%s has %d channels, channel %d was asked for", case.label, x.shape[1], channel)
    end
    x = x:select(1, channel)
  end
  return lab, x
end

--- The highest number in a case's label file, and whether it is the only one beside 0.
---@param case table
---@param channel integer of 4-D files
---@return integer
---@return boolean
function preprocess.label_values(case, channel)
  return ss.no_grad(ss.scoped, function()
    local _, x = open_label(case, channel)
    local top = x:max():item()
    local known = (x:eq(0):to("f32"):sum() + x:eq(top):to("f32"):sum()):item()
    return math.tointeger(top) or 0, top <= 0 or known == x.count
  end)
end

local function read_label(case, image, opts)
  local lab, x = open_label(case, opts.label_channel)
  preprocess.same_grid(image, case.image, lab, case.label)
  if opts.classes == 1 then
    x = x:gt(0)
  else
    local top = x:max():item()
    if top >= opts.classes then
      refuse("%s holds label %d, but data.classes = %d allows 0 to %d", case.label, top,
        opts.classes, opts.classes - 1)
    end
  end
  local s = x.shape
  return x:to("f32"):reshape { s[1], s[2], s[3], 1 }
end

-- The voxel where the brightness of [d, h, w, c] balances; nil for the middle of the volume.
local function centre_of(image, opts)
  local centre = opts.centre or "volume"
  if centre == "volume" then return nil end
  if centre ~= "intensity" then
    refuse("centre is volume or intensity, got %s", tostring(centre))
  end
  local x = image:slice(-1, 1, 1)
  x = x - x:min()
  local total, at = x:sum():item(), {}
  if total <= 0 then return nil end
  for i = 1, 3 do
    local shape = { 1, 1, 1, 1 }
    shape[i] = image.shape[i]
    local place = ss.arange(image.shape[i]):to("f32"):reshape(shape)
    at[i] = (x * place):sum():item() / total
  end
  return at
end

--- Reads and preprocesses one case.
---@param case table {image, channels, label?}
---@param opts table settings, see DEFAULTS
---@return table {image = [d,h,w,c] f32, label = [d,h,w,1] u8 or nil, grid, source = the file as rea
function preprocess.case(case, opts)
  local parts, first = read_image(case)
  for i, x in ipairs(parts) do
    parts[i] = preprocess.normalise(preprocess.brightness(x, opts), opts)
  end
  local image = #parts == 1 and parts[1] or ss.cat(parts, { dim = 4 })
  local spacing = { first.spacing[3], first.spacing[2], first.spacing[1] }
  local grid = preprocess.grid(sides(first.data), spacing, opts, centre_of(image, opts))
  local out = { image = preprocess.forward(image, grid, "linear"), grid = grid, source = first }
  if case.label then
    out.label = preprocess.forward(read_label(case, first, opts), grid, "nearest"):to("u8")
  end
  return out
end

--- One line that names every setting, for the cache's key.
function preprocess.settings(opts)
  local parts = {}
  for key in pairs(preprocess.DEFAULTS) do
    local v = opts[key]
    if type(v) == "table" then v = table.concat(v, ",") end
    parts[#parts + 1] = key .. "=" .. tostring(v)
  end
  table.sort(parts)
  return ("v%d %s"):format(VERSION, table.concat(parts, " "))
end

return preprocess
