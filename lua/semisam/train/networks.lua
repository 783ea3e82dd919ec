-- networks.lua — the student and the generalists of a run: networks by name, with weights from
-- files. Beside the options of its network (models/<name>.lua), a spec takes
--   weights    a checkpoint of any format; for a student also a list of them, each with a part
--   precision  "f32", "bf16" or "f16": of a generalist; of a student's frozen encoder, which
--              computes in bf16 by default where the processor does, in f32 elsewhere
--   channel    of a generalist: which one of the image it sees, 1 by default
--   norm       intensities as this generalist wants them (models/prep.lua)
--   spacing    the voxel side in mm it was trained on; false: whole volumes, whatever their size
local ss = require "semisam"
local fail = require "semisam.fail"
local frame = require "semisam.models.frame"
local models = require "semisam.models"
local processor = require "semisam.processor"
local spell = require "semisam.spell"
local weights = require "semisam.weights"

local networks = {}

networks.students = { "unet3d", "vnet", "slicing_sam3d", "meshnet" }
networks.generalists = { "prompt_unet", "sam_med3d", "tiny_sam_med3d", "medsam2",
  table.unpack(networks.students) }

local OWN = { weights = true, precision = true, channel = true }

local function has(list, value)
  for _, v in ipairs(list) do
    if v == value then return true end
  end
  return false
end

--- Refuses a name that cannot play the role.
---@param spec table
---@param path string setting, for the message
---@param list string[] networks.students or networks.generalists
function networks.check(spec, path, list)
  local name = type(spec) == "table" and spec[1] or spec
  if has(list, name) then return end
  if has(models.names, name) then
    fail.recipe("setting '%s': %s cannot be used there; there are %s", path, name,
      table.concat(list, ", "))
  end
  fail.recipe("setting '%s': no network is called '%s'%s; there are %s", path, tostring(name),
    spell.hint(tostring(name), list), table.concat(list, ", "))
end

--- The files a spec names.
---@return string[]
function networks.files(spec)
  local w = spec.weights
  if not w or w == "" then return {} end
  return type(w) == "table" and w or { w }
end

--- A spec without what only this file reads: the network's name and options.
function networks.options(spec)
  local own = {}
  for key, value in pairs(spec) do
    if not OWN[key] then own[key] = value end
  end
  return own
end

--- The student of a recipe. Parts that no file has keep their random start; that every file has a
--- part of the network is required.
---@param spec table
---@param device? string where it will compute, default "cpu"; one without values needs no weights
---@return table net on that device
---@return string[] lines what was loaded
function networks.student(spec, device)
  device = device or "cpu"
  if device:find "^meta" then return ss.on(device, models.new, networks.options(spec)), {} end
  return ss.on("cpu", function()
    local net, lines = models.new(networks.options(spec)), {}
    for i, path in ipairs(networks.files(spec)) do
      lines[i] = net.load_weights and net:load_weights(path) or weights.load(net, path).summary
    end
    return net:to(device), lines
  end)
end

--- What a student computes in: the recipe's precision; a frozen encoder beside an f32 decoder in a
--- type of its own. Results are f32.
---@param net table the student, or another one made by its spec
---@param cfg table recipe
function networks.compute(net, cfg)
  local own = cfg.student.precision
  net:to(cfg.precision):returns("f32")
  local encoder = rawget(net, "image_encoder")
  if not encoder or not net.config.freeze_encoder then return end
  if not own and cfg.precision == "f32" and cfg.device == "cpu" then
    own = processor.bf16() and "bf16"
  end
  if own then encoder:to(own):returns("f32") end
end

-- Voxel side in mm of all volumes after preprocessing, nil when it is not one number.
local function side_of(data)
  if type(data.spacing) == "number" then return data.spacing end
  return type(data.true_spacing) == "number" and data.true_spacing or nil
end

-- What frame.lua is told, and the spec that is left for the network.
local function placed(spec, data)
  local own = networks.options(spec)
  local opts = { norm = own.norm, data_spacing = side_of(data), channel = spec.channel or 1 }
  if own.spacing == false then
    own.spacing, opts.data_spacing = nil, nil
  elseif has(networks.students, spec[1]) then
    opts.spacing, own.spacing = own.spacing, nil
  end
  if not has(networks.students, spec[1]) and spec[1] ~= "prompt_unet" then own.norm = nil end
  return own, opts
end

--- The network of a generalist, without weights.
function networks.network(spec, data) return models.new((placed(spec, data))) end

--- A frozen generalist in its own frame.
---@param spec table of the recipe's `generalists`
---@param i integer its number, for messages
---@param cfg table the recipe
---@param pretrained fun(): string path of the stand-in's weights
---@return table teacher encode, decode
---@return string line what was loaded
function networks.generalist(spec, i, cfg, pretrained)
  local _, opts = placed(spec, cfg.data)
  local path = networks.files(spec)[1]
  local sizes_only = cfg.device:find "^meta" ~= nil
  if not path and not sizes_only then
    if spec[1] ~= "prompt_unet" then
      fail.recipe("setting 'generalists.%d': %s needs weights = FILE; only prompt_unet is trained "
        .. "here when it has none", i, spec[1])
    end
    path = pretrained()
  end
  local net, line = ss.on(sizes_only and cfg.device or "cpu", function()
    local net = networks.network(spec, cfg.data)
    if sizes_only then return net, spec[1] .. " without its weights" end
    return net, net.load_weights and net:load_weights(path) or weights.load(net, path).summary
  end)
  net:eval():freeze():to(cfg.device)
  if spec.precision then net:to(spec.precision) end
  if has(networks.students, spec[1]) then
    return frame.voter(net, opts), line .. "; takes no prompts, votes"
  end
  local teacher = frame.new(net, opts)
  return teacher, line .. teacher:says()
end

return networks
