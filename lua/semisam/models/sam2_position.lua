-- models/sam2_position.lua — the position encodings of SAM and SAM 2.
local ss = require "semisam"

local M = {}

local TEMPERATURE = 10000
local TAU = 2 * math.pi

-- 1 / D_k for k = 0..n-1, D_k = 10000^(2 floor(k / 2) / n), and a shape in which it lies along the
-- last of `axes` axes.
local function frequencies(n, axes, on)
  local f, shape = {}, {}
  for k = 0, n - 1 do f[k + 1] = TEMPERATURE ^ (-2 * (k // 2) / n) end
  for a = 1, axes - 1 do shape[a] = 1 end
  shape[axes] = n
  return ss.tensor(f, on):reshape(shape)
end

-- sin of the even and cos of the odd channels of angles [.., n].
local function interleaved(angles)
  local shape = angles.shape
  local n = shape[#shape]
  local pairs_last = angles:reshape { -1, n // 2, 2 }
  return ss.cat(pairs_last:slice(3, 1, 1):sin(), pairs_last:slice(3, 2, 2):cos(), { dim = 3 })
    :reshape(shape)
end

-- (i + 1) / (n + 1e-6) * 2 pi for i = 0..n-1.
local function phases(n, on) return (ss.arange(n, on) + 1) / (n + 1e-6) * TAU end

---Sines of row and column with n channels: the first half encodes the row.
---@param n integer a multiple of 4
---@param h integer
---@param w integer
---@param device string?
---@return tensor [1, h, w, n] f32
function M.sine2d(n, h, w, device)
  if n % 4 ~= 0 then error(("sine2d: channels must be a multiple of 4, got %d"):format(n), 2) end
  return ss.scoped(function()
    local on, half = { device = device }, n // 2
    local f = frequencies(half, 2, on)
    local rows = interleaved(phases(h, on):reshape { h, 1 } * f)
    local columns = interleaved(phases(w, on):reshape { w, 1 } * f)
    return ss.cat(rows:reshape { 1, h, 1, half }:expand { 1, h, w, half },
      columns:reshape { 1, 1, w, half }:expand { 1, h, w, half }, { dim = 4 })
  end)
end

---Sines, then cosines, of numbers.
---@param dim integer even
---@param p tensor [k]
---@return tensor [k, dim] f32
function M.sine1d(dim, p)
  if dim % 2 ~= 0 then error(("sine1d: dim must be even, got %d"):format(dim), 2) end
  return ss.scoped(function()
    local angles = p:to("f32"):reshape { -1, 1 } * frequencies(dim // 2, 2, { device = p.device })
    return ss.cat(angles:sin(), angles:cos(), { dim = 2 })
  end)
end

---Random Fourier features of points: [sin a, cos a], a = 2 pi (2p - 1) G.
---@param p tensor [.., 2] (x, y) in [0, 1]
---@param gaussian tensor G [2, c/2]
---@return tensor [.., c]
function M.fourier(p, gaussian)
  return ss.scoped(function()
    local shape = p.shape
    local a = ((p * 2 - 1):reshape { -1, 2 }:matmul(gaussian)) * TAU
    shape[#shape] = 2 * gaussian:size(2)
    return ss.cat(a:sin(), a:cos(), { dim = -1 }):reshape(shape)
  end)
end

---Tables of the axial rotary encoding on an n x n grid, row-major: pair j < e/4 of a head turns
---with the column, the others with the row (B. Heo et al., Rotary Position Embedding for Vision
---Transformer, 2024).
---@param n integer
---@param e integer head size, a multiple of 4
---@param device string?
---@return tensor cos [n * n, e / 2] f32
---@return tensor sin
function M.axial(n, e, device)
  if e % 4 ~= 0 then error(("axial: head size must be a multiple of 4, got %d"):format(e), 2) end
  return ss.scoped(function()
    local on, quarter, f = { device = device }, e // 4, {}
    for m = 0, quarter - 1 do f[m + 1] = TEMPERATURE ^ (-4 * m / e) end
    local angles = ss.arange(n, on):reshape { n, 1 } * ss.tensor(f, on):reshape { 1, quarter }
    local both = ss.cat(angles:reshape { 1, n, quarter }:expand { n, n, quarter },
      angles:reshape { n, 1, quarter }:expand { n, n, quarter }, { dim = 3 })
      :reshape { n * n, 2 * quarter }
    return both:cos(), both:sin()
  end)
end

return M
