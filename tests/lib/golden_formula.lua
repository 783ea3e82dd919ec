-- golden_formula.lua — weights and inputs of the full-size cases, which have no weight file: every
-- element is a hash of the tensor's official name and the element's place.
local ss = require "semisam"

local M = {}

local CHUNK = 4096 -- elements packed at once
local PACK = "<" .. ("f"):rep(CHUNK)

local function fnv1a(name)
  local h = 0xcbf29ce484222325
  for i = 1, #name do h = (h ~ name:byte(i)) * 0x100000001b3 end
  return h
end

local function product(shape, from)
  local n = 1
  for i = from, #shape do n = n * shape[i] end
  return n
end

-- scale and offset of 2u - 1 for the tensor.
local function range(name, shape)
  local leaf = name:match("[^.]+$")
  if leaf == "running_var" then return 0.1, 1 end
  if leaf == "positional_encoding_gaussian_matrix" then return 1, 0 end
  if leaf == "pos_embed" then return 0.1, 0 end
  if leaf == "attention_biases" then return 0.5, 0 end
  if #shape == 3 and leaf == "weight" and name:find(".experts.", 1, true) then
    return 1 / math.sqrt(shape[2]), 0
  end
  if #shape >= 2 then return 1 / math.sqrt(product(shape, 2)), 0 end
  if leaf == "weight" then return 0.1, 1 end
  return 0.02, 0
end

-- Elements h + first .. of the hash sequence, scaled, into `out`.
local function fill(out, h, first, count, scale, offset)
  for i = 0, count - 1 do
    local z = h + first + i + 0x9E3779B97F4A7C15
    z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ~ (z >> 27)) * 0x94D049BB133111EB
    z = z ~ (z >> 31)
    out[i + 1] = offset + scale * (2 * ((z >> 40) * 0x1p-24) - 1)
  end
end

---The tensor `name` of this shape (f32).
---@param name string
---@param shape integer[]
---@param scale number? for inputs; weights have theirs by the rules
---@return tensor
function M.tensor(name, shape, scale)
  local h, n, parts, out = fnv1a(name), product(shape, 1), {}, {}
  local offset = 0
  if not scale then scale, offset = range(name, shape) end
  for first = 0, n - 1, CHUNK do
    local count = math.min(CHUNK, n - first)
    fill(out, h, first, count, scale, offset)
    parts[#parts + 1] = string.pack(count == CHUNK and PACK or "<" .. ("f"):rep(count),
      table.unpack(out, 1, count))
  end
  return ss.frombytes(table.concat(parts), "f32", shape)
end

---Fill all parameters and buffers of a network.
---@param net table
function M.fill(net)
  local state = net:state()
  ss.no_grad(function()
    for _, name in ipairs(state) do
      ss.scoped(function() state[name]:copy_(M.tensor(name, state[name].shape)) end)
    end
  end)
end

---Every k-th element of the flattened tensor.
---@param x tensor
---@param k integer
---@return tensor
function M.sample(x, k)
  return x:reshape { -1 }:slice(1, 1, x.count, k):copy()
end

return M
