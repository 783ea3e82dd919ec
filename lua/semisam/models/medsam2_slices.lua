-- models/medsam2_slices.lua — the slices of a volume as the MedSAM2 image encoder sees them. A
-- slice is encoded once for all objects and directions: what the encoder gave is kept within a
-- number of bytes, the slices used longest ago are forgotten first.
local ss = require "semisam"
local prep = require "semisam.models.medsam2_prep"

local Slices = {}
Slices.__index = Slices

local M = {}

local PIXELS_AT_ONCE = 512 * 512 -- of the slices encoded together

---How many slices are encoded together.
function M.at_once(net)
  local s = net.config.image_size
  return math.max(1, PIXELS_AT_ONCE // (s * s))
end

---Slices for a network.
---@param net table with config.image_size and encode_image
---@param images semisam.tensor [d, s, s, 3] normalised, or [d, s, s, 1] 0..255 (u8, f32)
---@param cache_bytes integer
---@return table
function M.new(net, images, cache_bytes)
  local s = net.config.image_size
  if images.ndim ~= 4 or images:size(1) < 1 or images:size(2) ~= s or images:size(3) ~= s
    or images:size(4) ~= 3 and images:size(4) ~= 1 then
    error(("medsam2: slices must be [d,%d,%d,3] normalised or [d,%d,%d,1] in 0..255, got [%s]")
      :format(s, s, s, s, table.concat(images.shape, ",")), 0)
  end
  return setmetatable({ net = net, images = ss.keep(images:detach()), count = images:size(1),
    cache_bytes = cache_bytes, codes = {}, given = {}, used = {}, clock = 0, bytes = 0,
    encoded = 0, at_once = M.at_once(net) }, Slices)
end

---Slices that are encoded already; the encodings stay the caller's.
---@param net table
---@param codes table<integer, table> by slice, from 0
---@param count integer
---@return table
function M.encoded(net, codes, count)
  return setmetatable({ net = net, count = count, given = codes, codes = {}, bytes = 0 }, Slices)
end

local FIELDS = { "feature", "s0", "s1" } -- one of each per slice; the last two may be absent
local BYTES = { f32 = 4, bf16 = 2, f16 = 2 }

local function bytes_of(code)
  local sum = 0
  for _, name in ipairs(FIELDS) do
    if code[name] then sum = sum + code[name].count * BYTES[code[name].dtype] end
  end
  return sum
end

---Release the encoding of a slice; its positions belong to all slices.
function M.release(code)
  for _, name in ipairs(FIELDS) do
    if code[name] then code[name]:release() end
  end
end

-- Forget slices until there is room for `bytes`; those of this moment stay.
local function make_room(self, bytes)
  while self.bytes + bytes > self.cache_bytes do
    local oldest
    for z, when in pairs(self.used) do
      if when < self.clock and (not oldest or when < self.used[oldest]) then oldest = z end
    end
    if not oldest then return end
    local code = self.codes[oldest]
    self.bytes = self.bytes - bytes_of(code)
    M.release(code)
    self.codes[oldest], self.used[oldest] = nil, nil
  end
end

---Bytes of the encoding of one slice.
function M.code_bytes(net)
  local c = net.config
  local grid = c.image_size // 16
  return 4 * grid * grid * c.d_model * BYTES[rawget(net, "compute") or "f32"]
end

---The encodings of the slices first..last (from 1) of images, each for itself.
---@param net table
---@param images semisam.tensor as for new
---@return table[]
function M.encode(net, images, first, last)
  if net.config.lean then ss.trim() end -- tracking and encoding share no sizes
  local all = ss.scoped(function()
    local x = images:slice(1, first, last)
    return net:encode_image(x:size(4) == 1 and prep.normalise(x) or x)
  end)
  if net.config.lean then ss.trim() end
  if first == last then return { all } end
  local list = {}
  for i = 1, last - first + 1 do
    list[i] = { pe = all.pe }
    for _, name in ipairs(FIELDS) do
      list[i][name] = all[name] and all[name]:slice(1, i, i):copy()
    end
  end
  M.release(all)
  return list
end

local function remember(self, first, last)
  local list = M.encode(self.net, self.images, first + 1, last + 1)
  self.encoded = self.encoded + #list
  self.pe = self.pe or list[1].pe and ss.keep(list[1].pe)
  for i, code in ipairs(list) do
    local z, bytes = first + i - 1, bytes_of(code)
    for _, name in ipairs(FIELDS) do
      if code[name] then ss.keep(code[name]) end
    end
    code.pe = self.pe
    make_room(self, bytes)
    self.codes[z], self.used[z], self.bytes = code, self.clock, self.bytes + bytes
  end
end

---The encoding of slice z (from 0) as encode_image gives it. It is the cache's: it may be gone
---after the next call.
---@param z integer
---@param step integer? 1 or -1: where the slices wanted next lie
---@param stop integer? the last of them
---@return table
function Slices:code(z, step, stop)
  if self.given[z] then return self.given[z] end
  self.clock = self.clock + 1
  if not self.codes[z] then
    local last = z
    while step and math.abs(last - z) + 1 < self.at_once and last ~= stop
      and not self.codes[last + step] do
      last = last + step
    end
    ss.no_grad(remember, self, math.min(z, last), math.max(z, last))
  end
  self.used[z] = self.clock
  return self.codes[z]
end

---Forget the slices and their encodings.
function Slices:close()
  if self.pe then self.pe:release() end
  if self.images then self.images:release() end
  for z, code in pairs(self.codes) do
    M.release(code)
    self.codes[z], self.used[z] = nil, nil
  end
  self.bytes = 0
end

return M
