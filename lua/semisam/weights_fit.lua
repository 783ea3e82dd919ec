-- weights_fit.lua — the part of a checkpoint that is a given network.
local state = require "semisam.nn.state"

local fit = {}

local PROBES = 8 -- names of the network that are looked for

local function matches(names, tensors, prefix)
  local n = 0
  for _, name in ipairs(names) do
    if tensors[prefix .. name] then n = n + 1 end
  end
  return n
end

---The tensors that the network's names mean: all of them, or those below the one prefix with which
---most names fit, without it.
---@param net table module
---@param tensors table<string, semisam.tensor>
---@return table<string, semisam.tensor> tensors, string prefix
function fit.select(net, tensors)
  local names = {}
  state.walk(net, function(_, _, full) names[#names + 1] = full end, "")
  local best, most = "", matches(names, tensors, "")
  if most == #names then return tensors, best end
  local tried = {}
  for k = 1, math.min(#names, PROBES) do
    local wanted = "." .. names[1 + (k - 1) * #names // PROBES % #names]
    for full in pairs(tensors) do
      if full:sub(-#wanted) == wanted then tried[full:sub(1, #full - #wanted + 1)] = true end
    end
  end
  for prefix in pairs(tried) do
    local n = matches(names, tensors, prefix)
    if n > most or n == most and n > 0 and best ~= "" and prefix < best then
      best, most = prefix, n
    end
  end
  if best == "" then return tensors, best end
  local kept = {}
  for full, x in pairs(tensors) do
    if full:sub(1, #best) == best then kept[full:sub(#best + 1)] = x end
  end
  return kept, best
end

return fit
