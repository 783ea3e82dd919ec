-- nn/random.lua — the random numbers of networks: initial weights and dropout masks. Both are
-- counted: the n-th tensor made after seed(s), the n-th dropout call after set_key(k).
local ss = require "semisam"
local rng = require "semisam.rng"

local M = {}

local init = { source = rng { seed = 0, purpose = "init" }, index = 0 }
local drop = { source = nil, index = 0 }

---Start the initial weights of the networks made from now on.
---@param n integer|string
function M.seed(n)
  init.source, init.index = rng { seed = n, purpose = "init" }, 0
end

local function init_key()
  init.index = init.index + 1
  return init.source:key(init.index)
end

---Uniform in [-bound, bound), from the next initialisation key.
---@param shape integer[]
---@param bound number
---@return tensor
function M.init_uniform(shape, bound)
  return ss.uniform(shape, init_key(), -bound, bound)
end

---Normal with mean 0, from the next initialisation key.
---@param shape integer[]
---@param std number
---@return tensor
function M.init_normal(shape, std)
  return ss.normal(shape, init_key(), 0, std)
end

---The key of a training step: every dropout call until the next set_key takes the next index.
---nil forgets it.
---@param key integer?
function M.set_key(key)
  drop.source, drop.index = key and rng { seed = key, purpose = "dropout" }, 0
end

---The key for the next dropout call.
---@return integer
function M.dropout_key()
  if not drop.source then
    error("dropout: in training mode a key is needed first: nn.set_key(key)", 3)
  end
  drop.index = drop.index + 1
  return drop.source:key(drop.index)
end

---ss.checkpoint for functions that may use dropout: the recomputation draws the same masks.
---@param fn function
---@return ...
function M.checkpoint(fn, ...)
  local source, start, first = drop.source, drop.index, true
  return ss.checkpoint(function(...)
    if first then
      first = false
      return fn(...)
    end
    local later_source, later = drop.source, drop.index
    drop.source, drop.index = source, start
    local results = table.pack(pcall(fn, ...))
    drop.source, drop.index = later_source, later
    if not results[1] then error(results[2], 0) end
    return table.unpack(results, 2, results.n)
  end, ...)
end

return M
