-- models/windows.lua — cutting a grid of tokens into windows and putting it together again.
local ss = require "semisam"

local M = {}

-- How many zeros each axis needs to reach whole windows, and whether any does.
local function missing(x, size)
  local padding, any = {}, false
  for a = 1, x.ndim - 2 do
    padding[a] = -x:size(a + 1) % size
    any = any or padding[a] > 0
  end
  return padding, any
end

---Zeros after the last element of each spatial axis, up to whole windows.
---@param x tensor [n, s1, .., sk, c]
---@param size integer
---@return tensor
function M.pad(x, size)
  local padding, any = missing(x, size)
  if not any then return x end
  local pairs_from_last = { 0, 0 }
  for a = #padding, 1, -1 do
    pairs_from_last[#pairs_from_last + 1] = 0
    pairs_from_last[#pairs_from_last + 1] = padding[a]
  end
  return x:pad(pairs_from_last)
end

---Whether M.pad would change x.
function M.needs_padding(x, size)
  local _, any = missing(x, size)
  return any
end

---Tokens along each axis.
---@param x tensor [n, s1, .., sk, c]
---@return integer[]
function M.extent(x)
  local extent = {}
  for a = 1, x.ndim - 2 do extent[a] = x:size(a + 1) end
  return extent
end

---Whether one window holds all of x.
function M.fits(x, size)
  for a = 2, x.ndim - 1 do
    if x:size(a) > size then return false end
  end
  return true
end

---Cut x, whose axes are whole windows.
---@param x tensor [n, s1, .., sk, c]
---@param size integer|integer[] of all axes or of each
---@return tensor windows [n * count, size.., c], row-major
function M.split(x, size)
  local axes, n, c = x.ndim - 2, x:size(1), x:size(x.ndim)
  local cut, order, flat, count = { n }, { 1 }, {}, n
  for a = 1, axes do
    local s = type(size) == "table" and size[a] or size
    local k = x:size(a + 1) // s
    cut[2 * a], cut[2 * a + 1], count = k, s, count * k
    order[a + 1], order[axes + 1 + a], flat[a + 1] = 2 * a, 2 * a + 1, s
  end
  cut[2 * axes + 2], order[2 * axes + 2] = c, 2 * axes + 2
  flat[1], flat[axes + 2] = count, c
  return x:reshape(cut):permute(order):reshape(flat)
end

---Put windows together again and drop the padding.
---@param y tensor [n * count, size.., c]
---@param n integer
---@param extent integer[] tokens along each axis
---@return tensor [n, extent.., c]
function M.join(y, n, extent)
  local axes, c = #extent, y:size(y.ndim)
  local split, back, whole = { n }, { 1 }, { n }
  for a = 1, axes do
    local size = y:size(a + 1)
    local k = (extent[a] + size - 1) // size
    split[a + 1], split[axes + 1 + a], whole[a + 1] = k, size, k * size
    back[2 * a], back[2 * a + 1] = a + 1, axes + 1 + a
  end
  split[2 * axes + 2], back[2 * axes + 2], whole[axes + 2] = c, 2 * axes + 2, c
  y = y:reshape(split):permute(back):reshape(whole)
  for a = 1, axes do
    if whole[a + 1] > extent[a] then y = y:slice(a + 1, 1, extent[a]) end
  end
  return y
end

---The same without padding: windows that stick out keep their real tokens only, so they have
---several shapes: whole ones, and the remainders at the end of each axis.
---@param x tensor [n, s1, .., sk, c]
---@param size integer
---@param f fun(windows: tensor): tensor windows of one shape [m, box.., c] -> [m, box.., c2]
---@return tensor [n, s1, .., sk, c2]
function M.ragged(x, size, f)
  local box = {}
  local function along(part, axis) -- cut along `axis` and those after it
    if axis == x.ndim then
      return M.join(f(M.split(part, box)), part:size(1), M.extent(part))
    end
    local all = part:size(axis)
    local whole, done = all // size * size, {}
    if whole > 0 then
      box[axis - 1] = size
      done[1] = along(part:slice(axis, 1, whole), axis + 1)
    end
    if whole < all then
      box[axis - 1] = all - whole
      done[#done + 1] = along(part:slice(axis, whole + 1, all), axis + 1)
    end
    return done[2] and ss.cat(done[1], done[2], { dim = axis }) or done[1]
  end
  return along(x, 2)
end

return M
