-- models/windows.lua — cutting a grid of tokens into square windows and putting it together again.
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
---@param size integer
---@return tensor windows [n * count, size, .., size, c], row-major
function M.split(x, size)
  local axes, n, c = x.ndim - 2, x:size(1), x:size(x.ndim)
  local cut, order, flat, count = { n }, { 1 }, {}, n
  for a = 1, axes do
    local k = x:size(a + 1) // size
    cut[2 * a], cut[2 * a + 1], count = k, size, count * k
    order[a + 1], order[axes + 1 + a], flat[a + 1] = 2 * a, 2 * a + 1, size
  end
  cut[2 * axes + 2], order[2 * axes + 2] = c, 2 * axes + 2
  flat[1], flat[axes + 2] = count, c
  return x:reshape(cut):permute(order):reshape(flat)
end

---Put windows together again and drop the padding.
---@param y tensor [n * count, size, .., size, c]
---@param n integer
---@param extent integer[] tokens along each axis
---@return tensor [n, extent.., c]
function M.join(y, n, extent)
  local axes, size, c = #extent, y:size(2), y:size(y.ndim)
  local split, back, whole = { n }, { 1 }, { n }
  for a = 1, axes do
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

return M
