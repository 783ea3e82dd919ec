-- models/tiny_attend.lua — attention of Tiny SAM-Med3D: windows over a cube of tokens with a
-- learned bias for every triple of absolute offsets (TinyViT, Wu et al. 2022, in three axes).
--
-- Kept from the official code, because released weights depend on it:
-- * Zeros fill up the windows before the LayerNorm, so padding tokens all become its bias vector;
--   they take part unmasked, as queries and as keys.
-- * Windows are put together again with their axes in the wrong order: one window comes back with
--   its first two axes exchanged, several scatter their tokens, some of which are cropped away
--   while outputs of padding tokens come in.
-- * The output of the qkv layer is [heads][q k v], not [q k v][heads].
-- The official eval mode caches the biases, which stops their gradient; here they are kept where
-- they are frozen.
--
-- All padding tokens of a window have one key and one value. They act as one more key, whose logit
-- is raised by log sum exp of their biases.
local ss = require "semisam"
local nn = require "semisam.nn"
local windows = require "semisam.models.tiny_windows"

local M = {}

---Linear layer that starts as those of TinyViT: N(0, 0.02), bias 0.
function M.linear(inp, out, opts)
  local layer = nn.linear(inp, out, opts)
  ss.no_grad(function()
    layer.weight:copy_(nn.init_normal({ out, inp }, 0.02))
    layer.bias:fill_(0)
  end)
  return layer
end

M.attention = nn.module {
  name = "window_attention3d",
  -- c: window_reverse, window_padding
  init = function(self, channels, heads, window, c)
    self.heads, self.window = heads, window
    self.reverse, self.masked = c.window_reverse, c.window_padding == "masked"
    self.table_of = windows.cache()
    self:parameter("attention_biases", ss.zeros { heads, window * window * window })
    self.norm = nn.layer_norm(channels)
    self.qkv = M.linear(channels, 3 * channels)
    self.proj = M.linear(channels, channels)
  end,
  -- x, residual [n, r, r, r, c] -> the same shape
  forward = function(self, x, residual)
    local n, r, c = x:size(1), x:size(2), x:size(5)
    local tokens = x:reshape { n, r * r * r, c }
    if r > self.window then
      return self.proj(self:windowed(tokens, r, self.reverse):reshape(x.shape), residual)
    end
    local rows = self.qkv(self.norm(tokens))
    if self:pads { r, r, r } then rows = self:padded(rows) end
    local q, k, v = self:split(rows)
    local y = self:within(q:slice(2, 1, r * r * r), k, v, r, { r, r, r }):reshape(x.shape)
    if r < self.window and self.reverse == "official" then y = y:permute { 1, 3, 2, 4, 5 } end
    return self.proj(y, residual)
  end,
}

-- Biases of queries in a cube of q and keys in a box, both at the start of the window:
-- [heads, q^3, keys].
function M.attention:bias(q, box)
  local w, heads, on = self.window, self.heads, self.attention_biases.device
  return self.attention_biases:reshape { heads, w * w, w }
    :index_select(self.table_of("offsets", on, q, box[3]), 3)
    :reshape { heads, w * w * q, box[3] }
    :index_select(self.table_of("rows", on, q, w, box[1], box[2]), 2)
    :reshape { heads, q * q * q, box[1] * box[2] * box[3] }
end

-- log sum exp of the biases of queries in a cube of q over what the box leaves of the window,
-- [heads, q^3, 1]. exp(bias) is summed axis by axis, with how often each offset occurs: padding is
-- what sticks out of the box on the first axis, else on the second, else on the third.
function M.attention:padding_bias(q, box)
  local w, heads, on = self.window, self.heads, self.attention_biases.device
  local function counts(from, to) return self.table_of("counts", on, q, w, from, to) end
  local all = counts(0, w)
  local top = self.attention_biases:detach():max({ dims = { 2 }, keepdim = true })
  local e = (self.attention_biases - top):exp():reshape { heads, w, w, w }
  local function third(m) return e:matmul(m, { transpose_b = true }) end
  local function flat(x) return x:reshape { heads, w, q * q } end
  local whole = third(all)
  local inner = counts(box[2], w):matmul(whole)
    + counts(0, box[2]):matmul(third(counts(box[3], w)))
  local sum = counts(box[1], w):matmul(flat(all:matmul(whole)))
    + counts(0, box[1]):matmul(flat(inner))
  return sum:reshape({ heads, q * q * q, 1 }):log() + top:reshape { heads, 1, 1 }
end

-- qkv [n, t, 3c] -> q, k, v [n, t, heads, e], views.
function M.attention:split(qkv)
  local e = qkv:size(3) // (3 * self.heads)
  local x = qkv:reshape { qkv:size(1), qkv:size(2), self.heads, 3, e }
  return x:select(4, 1), x:select(4, 2), x:select(4, 3)
end

-- Whether padding takes part, as one more key, in windows that hold a box of tokens.
function M.attention:pads(box)
  return not self.masked and box[1] * box[2] * box[3] < self.window ^ 3
end

-- qkv [n, t, 3c] -> [n, t + 1, 3c]: the last row is that of padding tokens, what the layer makes of
-- the norm's bias.
function M.attention:padded(qkv)
  local layer, bias = self.qkv, self.norm.bias
  local row = nn.derived(self, "padding," .. qkv.dtype, { layer.weight, layer.bias, bias },
    function() return layer(bias:reshape { 1, 1, -1 }) end)
  return ss.cat(qkv, row:expand { qkv:size(1), 1, row:size(3) }, { dim = 2 })
end

-- Biases of queries in a cube of q and the keys that they see of a box, [1, heads, q^3, keys].
-- Those of the released network are 54 MB: the processor makes them anew in 5 to 10 % of its time,
-- a GPU, which waits for the host, keeps them.
function M.attention:biases(q, box)
  local function make()
    local bias = self:bias(q, box)
    if self:pads(box) then bias = ss.cat(bias, self:padding_bias(q, box), { dim = 3 }) end
    return bias:reshape { 1, bias:size(1), bias:size(2), bias:size(3) }
  end
  if not self.attention_biases.device:find "cuda" then return make() end
  local key = ("bias,%d,%s"):format(q, table.concat(box, ","))
  return (nn.derived(self, key, { self.attention_biases }, make))
end

-- Attention inside windows: q [n, extent^3, heads, e] of a cube, k and v [n, keys, heads, e] of a
-- box, where it pads with one more -> [n, extent^3, c].
function M.attention:within(q, k, v, extent, box)
  return ss.attention(q, k, v, self:biases(extent, box))
    :reshape { q:size(1), q:size(2), self.heads * q:size(4) }
end

---Attention in several windows, before `proj`.
---@param tokens tensor [n, r^3, c]
---@param r integer
---@param reverse string "official", "correct", or "windows": the outputs of all tokens window by
---window, padding included, [n, windows * window^3, c]
---@return tensor [n, r^3, c]
function M.attention:windowed(tokens, r, reverse)
  local n, w, on = tokens:size(1), self.window, tokens.device
  local rows = self.qkv(self.norm(tokens))
  if r % w > 0 then rows = self:padded(rows) end
  local q, k, v = self:split(rows)
  local e, kv, parts = q:size(4), ss.cat(k, v, { dim = 4 }), {}
  q = q:copy() -- once for all groups
  for i, group in ipairs(windows.groups(r, w)) do
    local count = #group.windows
    parts[i] = ss.scoped(function()
      local function cut(x, part) -- [n * count, tokens, heads, e]
        return x:index_select(self.table_of("sources", on, r, w, i, part), 2)
          :reshape { n * count, -1, self.heads, x:size(4) }
      end
      local keys = cut(kv, self:pads(group.box) and "seen" or "real")
      return self:within(cut(q, "all"), keys:slice(4, 1, e), keys:slice(4, e + 1, 2 * e), w,
        group.box):reshape { n, count * w * w * w, self.heads * e }
    end)
  end
  return nn.cat(parts, 2):index_select(self.table_of("targets", on, r, w, reverse), 2)
end

return M
