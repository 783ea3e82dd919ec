-- augment.lua — augmentations as descriptions, their draws as records.
--
--   local weak = { aug.flip{p = 0.5}, aug.turn{p = 0.5} }
--   local record = aug.draw(weak, rng, { d, h, w })     -- data: a list of op calls with numbers
--   local y, back = record:apply(x), record:inverse():apply(p)
--
-- A description does nothing by itself. Drawing it with a counted rng gives the concrete op calls,
-- which loader threads or the main thread run: the same numbers either way. Volumes are
-- [..., d, h, w, c]; axes are named "d", "h", "w". The beam runs along one of them ("h" by
-- default): flips and turns keep its direction, because shadows and attenuation point one way.
local record = require "semisam.data.record"
local check = require("semisam.nn.options").check

local augment = {}

local DIM = { d = -4, h = -3, w = -2 }
local AT = { d = 1, h = 2, w = 3 }

local Description = {}
Description.__index = Description

function Description.__tostring(self)
  local parts = {}
  for key, value in pairs(self.opts) do
    if type(value) == "table" then
      value = "{" .. table.concat(value, ", ") .. "}"
    elseif type(value) == "string" then
      value = ('"%s"'):format(value)
    end
    parts[#parts + 1] = ("%s = %s"):format(key, tostring(value))
  end
  table.sort(parts)
  return ("aug.%s{%s}"):format(self.name, table.concat(parts, ", "))
end

-- Defines augment[name]: `draw(opts, rng, shape)` returns op calls {name, attributes}, or nil.
local function define(name, kind, defaults, draw)
  augment[name] = function(given)
    local opts = check("aug." .. name, given, defaults)
    if opts.axes then
      for _, a in ipairs(opts.axes) do
        if not DIM[a] then
          error(("aug.%s: axes are \"d\", \"h\", \"w\", got %s"):format(name, a), 2)
        end
      end
    end
    if opts.beam and not DIM[opts.beam] then
      error(("aug.%s: beam is \"d\", \"h\" or \"w\", got %s"):format(name, opts.beam), 2)
    end
    return setmetatable({ name = name, kind = kind, opts = opts, draw = draw }, Description)
  end
end

-- ---- geometry ---------------------------------------------------------------

-- Mirrors each of `axes` with probability p.
define("flip", "geometry", { p = 0.5, axes = { "d", "w" } }, function(o, rng)
  local calls = {}
  for _, a in ipairs(o.axes) do
    if rng:chance(o.p) then calls[#calls + 1] = { "flip", { dims = { DIM[a] } } } end
  end
  return calls
end)

-- Turns by 90, 180 or 270 degrees about the beam; by 180 only where the two sides differ.
define("turn", "geometry", { p = 0.75, beam = "h" }, function(o, rng, shape)
  if not rng:chance(o.p) then return end
  local plane = {}
  for _, a in ipairs { "d", "h", "w" } do
    if a ~= o.beam then plane[#plane + 1] = a end
  end
  local square = shape[AT[plane[1]]] == shape[AT[plane[2]]]
  local k = rng:integer(1, 3)
  return { { "rot90", { dim1 = DIM[plane[1]], dim2 = DIM[plane[2]], k = square and k or 2 } } }
end)

-- A window of `size` at a random place; sides that are smaller stay.
define("crop", "geometry", { size = {} }, function(o, rng, shape)
  local calls = {}
  for i, a in ipairs { "d", "h", "w" } do
    local room = shape[i] - (o.size[i] or shape[i])
    if room > 0 then
      local at = rng:integer(0, room)
      calls[#calls + 1] = { "slice", { dim = DIM[a], start = at + 1, stop = at + o.size[i] } }
    end
  end
  return calls
end)

-- A small rotation and scaling about the centre, trilinear (labels: nearest).
define("affine", "geometry", { p = 0.5, degrees = 10, scale = 0.1 }, function(o, rng, shape)
  if not rng:chance(o.p) then return end
  local angles = {}
  for i = 1, 3 do angles[i] = math.rad(rng:number(-o.degrees, o.degrees)) end
  local zoom = math.exp(rng:number(-o.scale, o.scale))
  return { { "affine", augment.rotation(angles, zoom, shape) } }
end)

--- The voxel map out -> in: turn by `angles` about d, h, w, then scale, about the centre of
--- `shape`. Row i is input axis i: { m_i1, m_i2, m_i3, t_i }.
function augment.rotation(angles, zoom, shape)
  local c, s = {}, {}
  for i = 1, 3 do c[i], s[i] = math.cos(angles[i]), math.sin(angles[i]) end
  local rd = { { 1, 0, 0 }, { 0, c[1], -s[1] }, { 0, s[1], c[1] } }
  local rh = { { c[2], 0, s[2] }, { 0, 1, 0 }, { -s[2], 0, c[2] } }
  local rw = { { c[3], -s[3], 0 }, { s[3], c[3], 0 }, { 0, 0, 1 } }
  local function times(a, b)
    local out = { {}, {}, {} }
    for i = 1, 3 do
      for j = 1, 3 do
        out[i][j] = a[i][1] * b[1][j] + a[i][2] * b[2][j] + a[i][3] * b[3][j]
      end
    end
    return out
  end
  local m = times(times(rd, rh), rw)
  for i = 1, 3 do
    local t = (shape[i] - 1) / 2
    for j = 1, 3 do
      m[i][j] = m[i][j] / zoom
      t = t - m[i][j] * (shape[j] - 1) / 2
    end
    m[i][4] = t
  end
  return { matrix = m, size = { shape[1], shape[2], shape[3] } }
end

-- ---- intensity (images in [0, 1]) ---------------------------------------------

local BEAM = { d = "z", h = "y", w = "x" }

-- x^exp(U(-gamma, gamma)), times 1 +- gain, plus +-offset, limited to [0, 1].
define("contrast", "intensity", { p = 1, gamma = 0.5, gain = 0.2, offset = 0.1 }, function(o, rng)
  local gamma = math.exp(rng:number(-o.gamma, o.gamma))
  local gain = 1 + rng:number(-o.gain, o.gain)
  local offset = rng:number(-o.offset, o.offset)
  if not rng:chance(o.p) then return end
  return { { "gamma", { gamma = gamma } }, { "gain_offset", { gain = gain, offset = offset } } }
end)

-- Adds Gaussian noise of a deviation up to `std`, clipped at two deviations.
define("noise", "intensity", { p = 0.5, std = 0.06 }, function(o, rng)
  local std = rng:number(0, o.std)
  if not rng:chance(o.p) then return end
  return { { "add_noise", { key = rng:key("noise"), std = std } } }
end)

-- Multiplies by speckle of mean 1 and a deviation up to `std`.
define("speckle", "intensity", { p = 0.5, std = 0.3 }, function(o, rng)
  local std = rng:number(0, o.std)
  if not rng:chance(o.p) then return end
  return { { "speckle", { key = rng:key("speckle"), std = std } } }
end)

-- Gaussian blur of up to `sigma` voxels.
define("blur", "intensity", { p = 0.3, sigma = 1 }, function(o, rng)
  local sigma = rng:number(0.1, o.sigma)
  if not rng:chance(o.p) then return end
  return { { "gaussian_blur", { sigma = sigma } } }
end)

-- Depth gain: brightness changes along the beam, by a factor exp(+-slope) from end to end.
define("tgc", "intensity", { p = 0.5, slope = 0.5, beam = "h" }, function(o, rng)
  local slope = rng:number(-o.slope, o.slope)
  if not rng:chance(o.p) then return end
  return { { "tgc_tilt", { slope = slope, beam = BEAM[o.beam] } } }
end)

-- An acoustic shadow: a wedge that opens behind a random point and takes part of the brightness.
-- `width` is its half-width at the point, in parts of a side.
define("shadow", "intensity", { p = 0.3, width = 0.1, loss = { 0.4, 0.85 }, spread = 0.1,
  beam = "h" },
  function(o, rng, shape)
    local side = {}
    for i, a in ipairs { "d", "h", "w" } do
      if a ~= o.beam then side[#side + 1] = shape[i] end
    end
    local call = {
      a = rng:number(0, side[1] - 1), b = rng:number(0, side[2] - 1),
      width_a = o.width * side[1] * rng:number(0.5, 1),
      width_b = o.width * side[2] * rng:number(0.5, 1),
      onset = rng:number(0, 0.6) * shape[AT[o.beam]], strength = rng:number(o.loss[1], o.loss[2]),
      spread = rng:number(0, o.spread), beam = BEAM[o.beam],
    }
    if not rng:chance(o.p) then return end
    return { { "shadow", call } }
  end)

-- Fills one box of `part` of each side with the mean.
define("cutout", "intensity", { p = 0.5, part = { 0.16, 0.4 } }, function(o, rng, shape)
  local first, last = {}, {}
  for i = 1, 3 do
    local size = math.max(1, math.floor(rng:number(o.part[1], o.part[2]) * shape[i] + 0.5))
    first[i] = rng:integer(0, shape[i] - size)
    last[i] = first[i] + size - 1
  end
  if not rng:chance(o.p) then return end
  return { { "cutout", { box = { first, last } } } }
end)

-- ---- drawing --------------------------------------------------------------------

--- Draws a list of descriptions for a volume of sides `shape`. Each has randomness of its own: what
--- stands before it in the list does not change its draw. A Lua function in the list is called with
--- the volume, on the main thread.
---@param list table[]
---@param rng semisam.rng
---@param shape integer[] d, h, w
function augment.draw(list, rng, shape)
  local calls, now = {}, { shape[1], shape[2], shape[3] }
  for i, item in ipairs(list) do
    local drawn
    if type(item) == "function" then
      local own = rng:fork(i)
      drawn = { { function(x) return item(x, own) end, {} } }
    else
      drawn = item.draw(item.opts, rng:fork(i), now)
    end
    for _, call in ipairs(drawn or {}) do
      calls[#calls + 1] = call
      now = record.shape_after(call, now)
    end
  end
  return record.new(calls, { shape[1], shape[2], shape[3] })
end

--- The record that changes nothing.
function augment.identity(shape) return record.new({}, { shape[1], shape[2], shape[3] }) end

return augment
