-- nn.lua — building networks: `nn.module`, the standard layers, and their random numbers.
local ss = require "semisam"
local module = require "semisam.nn.module"
local random = require "semisam.nn.random"

local nn = {
  module = module.define,
  is_module = module.is_module,
  options = require("semisam.nn.options").check,
  one_of = require("semisam.nn.options").one_of,
  derived = require "semisam.nn.derived",
  seed = random.seed,
  set_key = random.set_key,
  checkpoint = random.checkpoint,
  init_uniform = random.init_uniform,
  init_normal = random.init_normal,
}

local AT_ONCE = 32 -- tensors handed to one cat; it has a limit

---Any number of tensors side by side along `dim`.
---@param list tensor[]
---@param dim integer
---@return tensor
function nn.cat(list, dim)
  while #list > 1 do
    local joined = {}
    for at = 1, #list, AT_ONCE do
      joined[#joined + 1] = ss.cat({ table.unpack(list, at, math.min(at + AT_ONCE - 1, #list)) },
        { dim = dim })
    end
    list = joined
  end
  return list[1]
end

for _, part in ipairs { "layers", "containers" } do
  for name, constructor in pairs(require("semisam.nn." .. part)) do nn[name] = constructor end
end

return nn
