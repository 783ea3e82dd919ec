-- bench/filled.lua — a network with weights by the rule of formula.lua, loaded from a file as a
-- user's weights are: its parameters are windows on it.
local formula = require "semisam.formula"
local ss = require "semisam"
local weights = require "semisam.weights"

---@param net table module
---@param range? function as of formula.fill
---@return table net
return function(net, range)
  formula.fill(net, range)
  if net:device():find "^meta" then return net end -- no values to put into a file
  local path, tensors = os.tmpname(), {}
  for name, x in pairs(net:state()) do
    if type(name) == "string" then tensors[name] = x end
  end
  local ok, why = pcall(function()
    ss.safetensors_write(path, tensors)
    weights.load(net, path)
  end)
  os.remove(path)
  return ok and net or error(why, 0)
end
