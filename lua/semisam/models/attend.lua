-- models/attend.lua — the attention of the transformers here, on tokens [n, t, c] or grids.
local ss = require "semisam"
local windows = require "semisam.models.windows"

local M = {}

-- [n, t, heads * e] -> [n, heads, t, e]
local function by_head(x, heads)
  return x:reshape { x:size(1), x:size(2), heads, x:size(3) // heads }:permute { 1, 3, 2, 4 }
end

local function together(x) -- and back
  return x:permute { 1, 3, 2, 4 }:reshape { x:size(1), x:size(3), x:size(2) * x:size(4) }
end

local function softmax_attention(q, k, v, bias)
  local logits = (q * q:size(4) ^ -0.5):matmul(k, { transpose_b = true })
  if bias then logits = logits + bias end
  return logits:softmax(-1):matmul(v)
end

---softmax(q k^T / sqrt(e)) v, head by head.
---@param q tensor [n, t, c]
---@param k tensor [n, s, c]
---@param v tensor [n, s, c]
---@param heads integer
---@return tensor [n, t, c]
function M.plain(q, k, v, heads)
  return together(softmax_attention(by_head(q, heads), by_head(k, heads), by_head(v, heads)))
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

---R[u, v] = rows[u - v + n - 1]: the row for query place u and key place v.
---@param rows tensor [2n - 1, e]
---@param n integer
---@return tensor [n, n, e]
function M.relative(rows, n)
  local index = {}
  for u = 0, n - 1 do
    for v = 0, n - 1 do index[#index + 1] = u - v + n - 1 end
  end
  local at = ss.tensor(index, { dtype = "i64", device = rows.device })
  return rows:index_select(at, 1):reshape { n, n, rows:size(2) }
end

-- q, k, v [n, heads, t, e] of [n, t.., 3c]
local function split(qkv, heads)
  local n, c = qkv:size(1), qkv:size(qkv.ndim) // 3
  local t = qkv.count // (n * 3 * c)
  local x = qkv:reshape { n, t, 3, heads, c // heads }:permute { 3, 1, 4, 2, 5 }
  return x[1], x[2], x[3]
end

---Attention within windows of a grid, or over all of it. Windows that stick out are filled up with
---zeros before the qkv layer, unmasked, as the official code does; since such tokens are its bias,
---the layer itself runs on the real tokens only.
---@param x tensor [n, s.., c]
---@param layer table the qkv linear layer
---@param window integer 0: no windows
---@param attention fun(qkv: tensor): tensor [m, s.., 3c] -> [m, s.., c]
---@return tensor [n, s.., c]
function M.over(x, layer, window, attention)
  if window == 0 then return attention(layer(x)) end
  local extent = {}
  for a = 1, x.ndim - 2 do extent[a] = x:size(a + 1) end
  local qkv
  if windows.needs_padding(x, window) then
    local y = layer:cast(x):linear(layer.weight)
    qkv = windows.pad(y, window) + layer.bias:to(y.dtype)
  else
    qkv = layer(x)
  end
  return windows.join(attention(windows.split(qkv, window)), x:size(1), extent)
end

---SAM's attention over a grid with decomposed relative positions: logits (q / sqrt(e)) . k
---+ q . Rh[a, i] + q . Rw[b, j] for query (a, b) and key (i, j), q unscaled in the last two.
---@param qkv tensor [n, h, w, 3c]
---@param heads integer
---@param tables tensor[] [2h - 1, e] and [2w - 1, e]
---@return tensor [n, h, w, c]
function M.decomposed(qkv, heads, tables)
  local h, w = qkv:size(2), qkv:size(3)
  local q, k, v = split(qkv, heads)
  local n, e = q:size(1), q:size(4)
  local grid = q:reshape { n * heads, h, w, e }
  local rh = grid:matmul(M.relative(tables[1], h):to(q.dtype):transpose(2, 3))
  local rw = grid:transpose(2, 3):matmul(M.relative(tables[2], w):to(q.dtype):transpose(2, 3))
    :transpose(2, 3)
  local bias = rh:reshape { n * heads, h, w, h, 1 } + rw:reshape { n * heads, h, w, 1, w }
  local y = softmax_attention(q, k, v, bias:reshape { n, heads, h * w, h * w })
  return together(y):reshape { n, h, w, heads * e }
end

---SAM-Med3D's attention over a cube of tokens. The relative positions are those of the official
---code, which adds its partial terms over the wrong axes: for query (a, b, c) and key (i, j, l)
---q(a,b,c) . Rd[a,l] + q(a,b,i) . Rh[b,l] + q(a,b,j) . Rw[j,l], where q(a,b,i) is the query of
---another token. Weights were trained with it.
---@param qkv tensor [n, s, s, s, 3c]
---@param heads integer
---@param tables tensor[] three of [2s - 1, e]
---@return tensor [n, s, s, s, c]
function M.scrambled(qkv, heads, tables)
  local s = qkv:size(2)
  if qkv:size(3) ~= s or qkv:size(4) ~= s then
    error(("attention3d: expected a cube of tokens, got [%s]"):format(
      table.concat(qkv.shape, ",")), 0)
  end
  local q, k, v = split(qkv, heads)
  local m, e = q:size(1) * heads, q:size(4)
  local r = {}
  for i = 1, 3 do r[i] = M.relative(tables[i], s):to(q.dtype):transpose(2, 3) end -- [u, e, l]
  local grid = q:reshape { m, s, s, s, e }
  local d = grid:reshape { m, s, s * s, e }:matmul(r[1]) -- [m, a, bc, l]
  local h = grid:matmul(r[2]) -- [m, a, b, i, l]
  local w = grid:reshape { m, s * s, s, e }:transpose(2, 3):matmul(r[3]):transpose(2, 3)
  local bias = d:reshape { m, s, s, s, 1, 1, s } + h:reshape { m, s, s, 1, s, 1, s }
    + w:reshape { m, s, s, 1, 1, s, s }
  local t = s * s * s
  local y = softmax_attention(q, k, v, bias:reshape { m // heads, heads, t, t })
  return together(y):reshape { m // heads, s, s, s, heads * e }
end

return M
