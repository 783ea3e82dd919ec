-- The module table: everything of the engine, and the library's parts on first use.
local ss = require "semisam.core"

local parts = {
  nn = "semisam.nn", optim = "semisam.optim", ema = "semisam.ema", schedules = "semisam.schedules",
  models = "semisam.models", rng = "semisam.rng", config = "semisam.config", draw = "semisam.draw",
  metrics = "semisam.metrics", data = "semisam.data", losses = "semisam.losses",
  train = "semisam.train", help = "semisam.help", profile = "semisam.profile",
  weights = "semisam.weights",
}

ss._parts = parts
ss._tostring = function(x) return require("semisam.print").tensor(x) end

---A deep copy of a recipe with changes merged in: see semisam.config.
---@param base table
---@param changes table
---@return table
function ss.extend(base, changes)
  return require("semisam.config").extend(base, changes)
end

---Runs f(...) with new tensors made on `device`, and gives what it returns.
---@param device string "cpu", "cuda", "cuda:1", "meta" or "meta:cuda"
---@param f function
function ss.on(device, f, ...)
  local before = ss.default_device()
  local _ <close> = setmetatable({}, { __close = function() ss.default_device(before) end })
  ss.default_device(device)
  return f(...)
end

setmetatable(ss, {
  __index = function(t, k)
    if not parts[k] then return nil end
    local part = require(parts[k])
    rawset(t, k, part)
    return part
  end,
})

return ss
