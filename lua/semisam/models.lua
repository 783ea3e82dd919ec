-- models.lua — networks by name: `models.new { "unet3d", base = 16 }`.
local M = {}

---Every network: file lua/semisam/models/<name>.lua.
M.names = { "unet3d", "vnet", "prompt_unet", "slicing_sam3d", "sam_med3d", "tiny_sam_med3d",
  "medsam2d", "medsam2", "meshnet" }

---Build a network. The first field is its name, the others are its options.
---@param spec table
---@return table module
function M.new(spec)
  local known = false
  for _, name in ipairs(M.names) do known = known or name == spec[1] end
  if not known then
    error(("models.new: unknown network %q, expected one of %s"):format(tostring(spec[1]),
      table.concat(M.names, ", ")), 2)
  end
  local opts = {}
  for key, value in pairs(spec) do
    if key ~= 1 then opts[key] = value end
  end
  return require("semisam.models." .. spec[1])(opts)
end

---A spec as plain data that JSON can hold: { name, options }.
---@param spec table
---@return table
function M.facts(spec)
  local options = {}
  for key, value in pairs(spec) do
    if key ~= 1 then options[key] = value end
  end
  return { name = spec[1], options = options }
end

---The spec that `facts` describes.
---@param facts table
---@return table
function M.spec(facts)
  local spec = { facts.name }
  for key, value in pairs(facts.options) do spec[key] = value end
  return spec
end

---See models/prep.lua.
M.prepare = require("semisam.models.prep").prepare

return M
