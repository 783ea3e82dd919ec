-- models/tiny_attend.lua — attention of Tiny SAM-Med3D: windows over a cube of tokens with a
-- learned bias for every pair of absolute offsets (TinyViT, Wu et al. 2022, in three axes).
--
-- Kept from the official code, because released weights depend on it:
-- * Zeros fill up the windows before the LayerNorm, so padding tokens all become its bias vector;
--   they take part unmasked, as queries and as keys.
-- * Windows are put together again with their axes in the wrong order: one window comes back with
--   its first two axes exchanged, several scatter their tokens, some of which are cropped away
--   while outputs of padding tokens come in.
-- * The output of the qkv layer is [heads][q k v], not [q k v][heads].
-- The official eval mode caches the biases, which stops their gradient; here they always have one.
local ss = require "semisam"
local nn = require "semisam.nn"

local M = {}

local MASKED = -3e4 -- logit of a masked key, within f16; exp of it is 0

-- Linear layers of TinyViT start from N(0, 0.02) and zero bias.
function M.linear(inp, out, opts)
  local layer = nn.linear(inp, out, opts)
  ss.no_grad(function()
    layer.weight:copy_(nn.init_normal({ out, inp }, 0.02):to(layer.weight.device))
    layer.bias:fill_(0)
  end)
  return layer
end

local function cube(n) return n * n * n end

-- f(a, b, c) for 0 <= a, b, c < n, row-major.
local function each(n, f)
  for a = 0, n - 1 do
    for b = 0, n - 1 do
      for c = 0, n - 1 do f(a, b, c) end
    end
  end
end

local INDEX = {} -- makers of lists of places, counted from 0

-- For every token of every window, row-major, its place in the cube of r; r^3 stands for padding.
function INDEX.sources(r, w)
  local k, list = (r + w - 1) // w, {}
  each(k, function(n0, n1, n2)
    each(w, function(i0, i1, i2)
      local a, b, c = n0 * w + i0, n1 * w + i1, n2 * w + i2
      list[#list + 1] = a < r and b < r and c < r and (a * r + b) * r + c or cube(r)
    end)
  end)
  return list
end

-- For every token of the cube, which token of which window it receives, counted over all windows.
-- "official": the windows' outputs lie in the order (n0, i1, n1, n2, i0, i2) and are read as a cube
-- of k w tokens per axis. "correct": (n0, i0, n1, i1, n2, i2).
function INDEX.targets(r, w, reverse)
  local k, list = (r + w - 1) // w, {}
  local p = k * w
  each(r, function(a, b, c)
    local n0, n1, n2, i0, i1, i2
    if reverse == "official" then
      local f = (a * p + b) * p + c
      f, i2 = f // w, f % w
      f, i0 = f // w, f % w
      f, n2 = f // k, f % k
      f, n1 = f // k, f % k
      n0, i1 = f // w, f % w
    else
      n0, i0, n1, i1, n2, i2 = a // w, a % w, b // w, b % w, c // w, c % w
    end
    list[#list + 1] = ((n0 * k + n1) * k + n2) * cube(w) + (i0 * w + i1) * w + i2
  end)
  return list
end

-- Row of the bias table for every pair of tokens of a cube of n; w: the window of the table.
function INDEX.pairs(n, w)
  local list = {}
  each(n, function(a0, a1, a2)
    each(n, function(b0, b1, b2)
      list[#list + 1] = (math.abs(a0 - b0) * w + math.abs(a1 - b1)) * w + math.abs(a2 - b2)
    end)
  end)
  return list
end

-- count[t, d]: how many of the places [from, to) are d away from place t, for t < r and d < w.
local function distances(r, w, from, to)
  local rows = {}
  for t = 0, r - 1 do
    local row = {}
    for d = 0, w - 1 do row[d + 1] = 0 end
    for u = from, to - 1 do row[math.abs(t - u) + 1] = row[math.abs(t - u) + 1] + 1 end
    rows[t + 1] = row
  end
  return rows
end

local tables = {} -- constant tensors by what they are; a few per configuration

local function constant(key, device, dtype, make, ...)
  key = table.concat({ key, device, ... }, ",")
  if not tables[key] then
    tables[key] = ss.keep(ss.tensor(make(...), { dtype = dtype, device = "cpu" }):to(device))
  end
  return tables[key]
end

local function index(key, device, ...) return constant(key, device, "i64", INDEX[key], ...) end

local function counts(device, ...) return constant("counts", device, "f32", distances, ...) end

-- log of the summed exp(bias) of each of the r^3 real tokens of one window over its padding:
-- [heads, r^3, 1]. All padding tokens have one key and one value, so they act as one more key whose
-- logit is raised by this. exp(bias) is summed axis by axis, with how often each distance occurs:
-- the padding is what is beyond r on the first axis, else on the second, else on the third.
local function padding_bias(biases, r, w)
  local heads, device = biases:size(1), biases.device
  local top = biases:detach():max { dims = { 2 }, keepdim = true }
  local e = (biases - top):exp():reshape { heads, w, w, w }
  local all, real, pad = counts(device, r, w, 0, w), counts(device, r, w, 0, r),
    counts(device, r, w, r, w)
  local function third(m) return e:matmul(m, { transpose_b = true }) end
  local whole = third(all)
  local function flat(x) return x:reshape { heads, w, r * r } end
  local sum = pad:matmul(flat(all:matmul(whole)))
    + real:matmul(flat(pad:matmul(whole) + real:matmul(third(pad))))
  return (sum:log() + top:reshape { heads, 1, 1 }:expand { heads, r, r * r })
    :reshape { heads, r * r * r, 1 }
end

M.attention = nn.module {
  name = "window_attention3d",
  -- c: window_reverse, window_padding
  init = function(self, channels, heads, window, c)
    self.heads, self.window = heads, window
    self.reverse, self.masked = c.window_reverse, c.window_padding == "masked"
    self:parameter("attention_biases", ss.zeros { heads, cube(window) })
    self.norm = nn.layer_norm(channels)
    self.qkv = M.linear(channels, 3 * channels)
    self.proj = M.linear(channels, channels)
  end,
  -- x [n, r, r, r, c] -> the same shape
  forward = function(self, x)
    local n, r, c, w = x:size(1), x:size(2), x:size(5), self.window
    local tokens, y = x:reshape { n, cube(r), c }
    if r <= w then
      y = self:single(tokens, r)
      if r < w and self.reverse == "official" then
        y = y:reshape { n, r, r, r, c }:permute { 1, 3, 2, 4, 5 }
      end
    else
      y = self:windowed(tokens, r):reshape { n, -1, c }
        :index_select(index("targets", x.device, r, w, self.reverse), 2)
    end
    return self.proj(y:reshape { n, r, r, r, c })
  end,
}

-- The bias of every pair of tokens of a cube of n, [1, heads, n^3, n^3].
function M.attention:bias(n)
  local t = cube(n)
  return self.attention_biases:index_select(
    index("pairs", self.attention_biases.device, n, self.window), 2):reshape { 1, self.heads, t, t }
end

-- qkv [n, t, 3c] -> q, k, v [n, t, heads, e], views.
function M.attention:split(qkv)
  local e = qkv:size(3) // (3 * self.heads)
  local x = qkv:reshape { qkv:size(1), qkv:size(2), self.heads, 3, e }
  return x:select(4, 1), x:select(4, 2), x:select(4, 3)
end

-- qkv of the padding, [n, 1, 3c]: what the layer makes of the norm's bias.
function M.attention:padding(n)
  local row = self.qkv(self.norm.bias:reshape { 1, 1, -1 })
  return row:expand { n, 1, row:size(3) }
end

---One window that holds the cube, outputs of its real tokens alone, before `proj`.
---@param tokens tensor [n, r^3, c]
---@param r integer at most the window
---@return tensor [n, r^3, c]
function M.attention:single(tokens, r)
  local qkv, bias, w = self.qkv(self.norm(tokens)), self:bias(r), self.window
  local q, k, v = self:split(qkv)
  if r < w and not self.masked then
    local more = padding_bias(self.attention_biases, r, w)
    bias = ss.cat(bias, more:reshape { 1, self.heads, more:size(2), 1 }, { dim = 4 })
    local _, kp, vp = self:split(self:padding(tokens:size(1)))
    k, v = ss.cat(k, kp, { dim = 2 }), ss.cat(v, vp, { dim = 2 })
  end
  return ss.attention(q, k, v, bias):reshape(tokens.shape)
end

---All tokens of all windows, padding included, before `proj`.
---@param tokens tensor [n, r^3, c]
---@param r integer
---@return tensor [n * windows, window^3, c]
function M.attention:windowed(tokens, r)
  local n, c, w = tokens:size(1), tokens:size(3), self.window
  local k, t = (r + w - 1) // w, cube(w)
  local count = n * cube(k)
  local qkv = self.qkv(self.norm(tokens))
  local from = index("sources", tokens.device, r, w)
  if k * w > r then qkv = ss.cat(qkv, self:padding(n), { dim = 2 }) end
  local q, key, v = self:split(qkv:index_select(from, 2):reshape { count, t, 3 * c })
  local opts = { scale = (c // self.heads) ^ -0.5 }
  if self.masked and k * w > r then -- one more channel: 1 in q, MASKED at the padding in k
    local one = ss.ones({ count, t, self.heads, 1 },
      { device = tokens.device, dtype = q.dtype })
    local out = from:ge(cube(r)):to(q.dtype):reshape { 1, cube(k), t, 1, 1 } * MASKED
    out = out:expand { n, cube(k), t, self.heads, 1 }:reshape(one.shape)
    local none = one * 0
    q, key, v = ss.cat(q, one, { dim = 4 }), ss.cat(key, out, { dim = 4 }),
      ss.cat(v, none, { dim = 4 })
  end
  local y = ss.attention(q, key, v, self:bias(w), nil, nil, nil, nil, opts)
  return y:slice(4, 1, c // self.heads):reshape { count, t, c }
end

return M
