-- deploy.lua — a trained run applied to images: preprocess, infer, and back onto the image's own
-- grid.
local ss = require "semisam"
local fail = require "semisam.fail"
local infer = require "semisam.infer"
local models = require "semisam.models"
local preprocess = require "semisam.data.preprocess"
local system = require "semisam.system"
local weights = require "semisam.weights"

local deploy = {}

local FORMAT = 1

--- The shipped network of a run folder, or of its best.safetensors.
---@param path string
---@return table {net, data, infer, classes}
function deploy.load(path)
  local file = path
  if system.kind(path) == "folder" then file = path .. "/best.safetensors" end
  if system.kind(file) ~= "file" then
    fail.input("%s: no trained run there (best.safetensors is missing)", path)
  end
  local held = weights.read(file, { info = true })
  local facts = held.metadata.semisam and ss.json.decode(held.metadata.semisam)
  if not facts or facts.format ~= FORMAT or not facts.student then
    fail.data("%s was not written by a training run: it does not say which network it holds", file)
  end
  local net = models.new(models.spec(facts.student))
  weights.load(net, file)
  net:eval():freeze()
  return { net = net, data = facts.data, infer = facts.infer or { window = facts.patch },
    classes = facts.classes, file = file }
end

--- Foreground probabilities [d, h, w, f] on the grid of the image file.
---@param net table module
---@param case table {id, image, channels}
---@param data table preprocessing settings
---@param opts table how the volume is cut: see infer.probabilities
---@return semisam.tensor
---@return table image what the file's reader gave (geometry)
function deploy.probabilities(net, case, data, opts)
  local seen = preprocess.case({ id = case.id, image = case.image, channels = case.channels }, data)
  local x = seen.image
  local s, device = x.shape, net:device()
  x = x:reshape { 1, s[1], s[2], s[3], s[4] }:to(device)
  local p = ss.on(device, infer.probabilities, net, x, opts):to("cpu")
  s = p.shape
  return preprocess.backward(p:reshape { s[2], s[3], s[4], s[5] }, seen.grid), seen.source
end

--- Writes the mask of a case: whole numbers on exactly the image's voxels, with its affine and
--- codes.
function deploy.write(net, case, data, opts, path)
  ss.no_grad(ss.scoped, ss.on, "cpu", function()
    local p, source = deploy.probabilities(net, case, data, opts)
    local mask = infer.labels(p)
    local s = mask.shape
    local folder = path:match("^(.*)/[^/]*$")
    if folder and folder ~= "" then ss.fs.mkdir(folder) end
    ss.nifti_write(path, mask:reshape { s[1], s[2], s[3] }, { like = source })
  end)
end

return deploy
