-- golden_weights.lua — the weights of a recorded case. It has them as PyTorch files (weights.pth, and
-- sam_weights.pth with the frozen part, or what `weights_pt` in case.json names) and the same once
-- more as safetensors. The PyTorch ones are used; both must agree in every bit.
local ss = require "semisam"
local weights = require "semisam.weights"

local M = {}

local function add(into, folder, path)
  path = path and folder .. "/" .. path
  if not path or not ss.fs.exists(path) then return end
  local r = weights.read(path)
  for name, x in pairs(r.tensors) do
    if into[name] then error(("%s: %s is in another file too"):format(path, name)) end
    into[name] = x
  end
  return true
end

local function must_agree(folder, torch, plain)
  for name, x in pairs(plain) do
    local y = torch[name]
    if not y then error(("%s: %s is not in the PyTorch files"):format(folder, name)) end
    if x.dtype ~= y.dtype or table.concat(x.shape, ",") ~= table.concat(y.shape, ",")
      or x:bytes_string() ~= y:copy():bytes_string() then
      error(("%s: %s differs between the PyTorch file and safetensors"):format(folder, name))
    end
  end
  for name in pairs(torch) do
    if not plain[name] then error(("%s: %s is not in the safetensors"):format(folder, name)) end
  end
end

---Tensors by name, nil where the case has no weights.
---@param folder string
---@param info table case.json
---@return table<string, semisam.tensor>?
function M.read(folder, info)
  local torch, plain = {}, {}
  local has_torch
  for _, path in ipairs { "weights.pth", "sam_weights.pth", info.weights_pt } do
    has_torch = add(torch, folder, path) or has_torch
  end
  local has_plain = add(plain, folder, info.weights_safetensors or "weights.safetensors")
  if has_torch and has_plain then must_agree(folder, torch, plain) end
  return has_torch and torch or has_plain and plain or nil
end

return M
