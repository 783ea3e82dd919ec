-- formula.lua — weights and inputs made by a rule instead of read from a file: every element is a
-- hash of the tensor's official name and the element's place, scaled so that activations neither
-- die nor explode. Benchmarks and recorded full-size cases of the networks use it.
local ss = require "semisam"

local M = {}

-- FNV-1a, 64 bits.
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

---Scale and offset of a weight by its name and shape.
---@param name string
---@param shape integer[]
---@return number scale
---@return number offset
function M.range(name, shape)
  local leaf = name:match("[^.]+$")
  if leaf == "num_batches_tracked" then return 0, 0 end
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

---The tensor `name` of this shape (f32).
---@param name string
---@param shape integer[]
---@param scale number? of an input; weights have theirs by the rules
---@param offset number? 0
---@return tensor
function M.tensor(name, shape, scale, offset)
  if not scale then scale, offset = M.range(name, shape) end
  return ss.splitmix(shape, { key = fnv1a(name), scale = scale, offset = offset or 0 })
end

---Fill all parameters and buffers of a network.
---@param net table
---@param range (fun(name: string, shape: integer[]): number, number)? M.range by default
function M.fill(net, range)
  local state = net:state()
  range = range or M.range
  ss.no_grad(function()
    for _, name in ipairs(state) do
      ss.scoped(function()
        local to = state[name]
        to:copy_(M.tensor(name, to.shape, range(name, to.shape)):to(to.dtype))
      end)
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
