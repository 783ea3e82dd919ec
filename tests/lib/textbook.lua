-- textbook.lua — attention as its definition says, token by token in doubles: what the fast one is
-- held against.
local ss = require "semisam"

local M = {}

---Places (from 0) of a grid of `extent`, row-major.
function M.places(extent)
  local list = { {} }
  for _, n in ipairs(extent) do
    local longer = {}
    for _, p in ipairs(list) do
      for i = 0, n - 1 do
        local q = table.move(p, 1, #p, 1, {})
        q[#q + 1] = i
        longer[#longer + 1] = q
      end
    end
    list = longer
  end
  return list
end

local function inside(p, extent)
  for a = 1, #p do
    if p[a] >= extent[a] then return false end
  end
  return true
end

function M.dot(u, v)
  local s = 0
  for i = 1, #u do s = s + u[i] * v[i] end
  return s
end

-- The real tokens { p = place in the window, qkv = [3][heads][e], others = all of the window }.
local function tokens(qkv, bias, extent, window, padded)
  local whole, at, list, by_window = {}, 0, {}, {}
  for a = 1, #extent do whole[a] = (extent[a] + window - 1) // window * window end
  for _, p in ipairs(M.places(whole)) do
    local token, real = { qkv = bias }, inside(p, extent)
    if real then
      at = at + 1
      token.qkv = qkv[at]
      list[at] = token
    end
    if real or padded then
      local key, own = {}, {}
      for a = 1, #p do key[a], own[a] = p[a] // window, p[a] % window end
      token.p = own
      key = table.concat(key, ",")
      by_window[key] = by_window[key] or {}
      table.insert(by_window[key], token)
      token.others = by_window[key]
    end
  end
  return list
end

-- The position term of a query and a key. tables: [2 extent - 1][e] per axis.
local positions = {}
function positions.correct(query, key, h, tables)
  local s = 0
  for a, rows in ipairs(tables) do
    s = s + M.dot(query.qkv[1][h], rows[query.p[a] - key.p[a] + (#rows + 1) // 2])
  end
  return s
end
-- SAM-Med3D: q(a, b, c) Rd[a, l] + q(a, b, i) Rh[b, l] + q(a, b, j) Rw[j, l] for a key at (i, j, l).
function positions.official(query, key, h, tables)
  local a, b, i, j, l = query.p[1], query.p[2], key.p[1], key.p[2], key.p[3]
  local function at(c)
    for _, x in ipairs(query.others) do
      if x.p[1] == a and x.p[2] == b and x.p[3] == c then return x.qkv[1][h] end
    end
  end
  local middle = (#tables[1] + 1) // 2
  return M.dot(query.qkv[1][h], tables[1][a - l + middle]) + M.dot(at(i), tables[2][b - l + middle])
    + M.dot(at(j), tables[3][j - l + middle])
end

---The layer `attn` (qkv, proj) over tokens, within windows.
---@param attn table module
---@param x tensor [1, s.., c]
---@param tables tensor[] relative positions, one per axis
---@param how { heads: integer, window: integer, padded: boolean?, rel: string? } padded: windows are
---whole, tokens beyond the grid are the layer's bias; rel: "correct" or "official", else none
---@return tensor [1, s.., c2]
function M.attention(attn, x, tables, how)
  local extent, c = {}, attn.qkv.weight:size(1) // 3
  for a = 1, x.ndim - 2 do extent[a] = x:size(a + 1) end
  local shape = { -1, 3, how.heads, c // how.heads }
  local list = tokens(attn.qkv(x):reshape(shape):totable(), attn.qkv.bias:reshape(shape):totable()[1],
    extent, how.window, how.padded)
  local out, e = {}, c // how.heads
  for i, rows in ipairs(tables) do tables[i] = rows:totable() end
  for _, query in ipairs(list) do
    for h = 1, how.heads do
      local sum, row = 0, {}
      for _, key in ipairs(query.others) do
        local logit = M.dot(query.qkv[1][h], key.qkv[2][h]) / math.sqrt(e)
        if how.rel then logit = logit + positions[how.rel](query, key, h, tables) end
        local w = math.exp(logit)
        sum = sum + w
        for k = 1, e do row[k] = (row[k] or 0) + w * key.qkv[3][h][k] end
      end
      for k = 1, e do out[#out + 1] = row[k] / sum end
    end
  end
  local to = x.shape
  to[#to] = c
  return attn.proj(ss.tensor(out):reshape(to))
end

return M
