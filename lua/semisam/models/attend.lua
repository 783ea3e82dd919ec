-- models/attend.lua — the attention of the transformers here, on tokens [n, t, c] or grids.
local ss = require "semisam"
local windows = require "semisam.models.windows"

local M = {}

---softmax(q k^T / sqrt(e)) v, head by head.
---@param q tensor [n, t, c]
---@param k tensor [n, s, c]
---@param v tensor [n, s, c]
---@param heads integer
---@return tensor [n, t, c]
function M.plain(q, k, v, heads)
  local function by_head(x) return x:reshape { x:size(1), x:size(2), heads, x:size(3) // heads } end
  return ss.attention(by_head(q), by_head(k), by_head(v)):reshape(q.shape)
end

---A table of relative positions for n tokens, resized (linear) when it was made for another number.
---@param rows tensor [r, e]
---@param n integer
---@return tensor [2n - 1, e]
function M.table_for(rows, n)
  local want = 2 * n - 1
  if rows:size(1) == want then return rows end
  return rows:reshape { 1, rows:size(1), 1, rows:size(2) }:resize({ want, 1 }, { mode = "linear" })
    :reshape { want, rows:size(2) }
end

-- One call over all tokens of qkv [n, s.., 3c]; the grid may be filled up to `window` with tokens
-- that are all `pad` [3, heads, e].
local function whole(qkv, heads, tables, rel, window, pad)
  local n, c, grid = qkv:size(1), qkv:size(qkv.ndim) // 3, {}
  for a = 1, qkv.ndim - 2 do grid[a] = qkv:size(a + 1) end
  window = window or grid
  local x = qkv:reshape { n, -1, 3, heads, c // heads }
  local own = {}
  for a = 1, #grid do own[a] = M.table_for(tables[a], window[a]) end
  local d, h, w = own[1], own[2], own[3]
  if #grid == 2 then d, h, w = nil, own[1], own[2] end
  local shape = qkv.shape
  shape[#shape] = c
  return ss.attention(x:select(3, 1), x:select(3, 2), x:select(3, 3), nil, h, w, d, pad,
    { rel = rel, grid = grid, window = window }):reshape(shape)
end

-- The rows of a table made for a larger extent that n tokens need.
local function central(rows, n)
  local extent = (rows:size(1) + 1) // 2
  return n < extent and rows:slice(1, extent - n + 1, extent + n - 1) or rows
end

-- Windows without their padding.
local function masked(qkv, window, tables, how)
  return windows.ragged(qkv, window, function(cut)
    local own = {}
    for a, rows in ipairs(tables) do own[a] = central(rows, cut:size(a + 1)) end
    return whole(cut, how.heads, own, how.rel)
  end)
end

---Attention of SAM's encoders over a grid of tokens, within windows or over all of it, with
---decomposed relative positions.
---
---Windows that stick out are filled up with zeros before the qkv layer and take part unmasked, as
---in the official code; the layer makes its bias of such tokens, so it runs on real ones only.
---@param x tensor [n, s.., c]
---@param qkv table the linear layer c -> 3c
---@param window integer 0: no windows
---@param tables tensor[] relative positions, one [2 extent - 1, e] per axis
---@param how { heads: integer, rel: string, masked: boolean? } rel: "2d", "3d", or "3d_official":
---the axes mixed as in SAM-Med3D's released code; masked: padding takes no part
---@return tensor [n, s.., c]
function M.over(x, qkv, window, tables, how)
  local heads, rel = how.heads, how.rel
  if window == 0 then return whole(qkv(x), heads, tables, rel) end
  if not windows.needs_padding(x, window) then
    local y = whole(windows.split(qkv(x), window), heads, tables, rel)
    return windows.join(y, x:size(1), windows.extent(x))
  end
  if how.masked then return masked(qkv(x), window, tables, how) end
  local c = x:size(x.ndim)
  if windows.fits(x, window) then
    local size = {}
    for a = 1, x.ndim - 2 do size[a] = window end
    local pad = qkv.bias:reshape { 3, heads, c // heads }
    return whole(qkv(x), heads, tables, rel, size, pad)
  end
  local y = windows.pad(qkv:cast(x):linear(qkv.weight), window)
  y = whole(windows.split(y + qkv.bias:to(y.dtype), window), heads, tables, rel)
  return windows.join(y, x:size(1), windows.extent(x))
end

return M
