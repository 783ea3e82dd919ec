-- nn.lua — building networks: `nn.module`, the standard layers, and their random numbers.
local ss = require "semisam"
local module = require "semisam.nn.module"
local random = require "semisam.nn.random"

local nn = {
  module = module.define,
  is_module = module.is_module,
  options = require("semisam.nn.options").check,
  seed = random.seed,
  set_key = random.set_key,
  checkpoint = random.checkpoint,
  init_uniform = random.init_uniform,
  init_normal = random.init_normal,
}

---Tensors of a list side by side along `dim`.
---@param list tensor[]
---@param dim integer
---@return tensor
function nn.cat(list, dim)
  if #list == 1 then return list[1] end
  local args = { table.unpack(list) }
  args[#args + 1] = { dim = dim }
  return ss.cat(table.unpack(args))
end

for _, part in ipairs { "layers", "containers" } do
  for name, constructor in pairs(require("semisam.nn." .. part)) do nn[name] = constructor end
end

return nn
