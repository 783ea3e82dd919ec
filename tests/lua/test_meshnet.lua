-- MeshNet: names of the published checkpoints, and a network trained by others on a real volume.
local models = require "semisam.models"
local npy = require "tests.lib.npy"
local ss = require "semisam"
local t = require "tests.lib.t"
local weights = require "semisam.weights"

local DATA = "../shared/data/meshnet_brain"
-- The reference was computed on the volume in x, y, z order, scaled as a whole: labels of the 96
-- voxels from (80, 60, 80), logits of the 24 voxels from (36, 36, 36) in there.
local CORNER, SIDE = { 81, 61, 81 }, 96
local INNER, INNER_SIDE = { 37, 37, 37 }, 24

local function release(net)
  for _, x in pairs(net:state()) do
    if type(x) == "userdata" then x:release() end
  end
end

t.test("parameters are called as in the checkpoints", function()
  local net = models.new { "meshnet" }
  local state = net:state()
  t.eq(#state, 20)
  t.eq(state["model.0.weight"].shape, { 5, 1, 3, 3, 3 })
  t.eq(state["model.16.bias"].shape, { 5 })
  t.eq(state["model.18.weight"].shape, { 3, 5, 1, 1, 1 })
  release(net)
  net = models.new { "meshnet", batch_norm = true, dropout = 0.1, bias = false, channels = 4, classes = 2,
    dilations = { 1, 2 } }
  local names = {}
  for name in net:named_parameters() do names[#names + 1] = name end
  t.eq(names, { "model.0.weight", "model.1.weight", "model.1.bias", "model.4.weight", "model.5.weight",
    "model.5.bias", "model.8.weight" })
  net:eval()
  t.eq(ss.no_grad(net, ss.zeros { 1, 6, 5, 4, 1 }).shape, { 1, 6, 5, 4, 2 })
  release(net)
end)

local function cut(x, corner, side)
  for axis = 1, 3 do x = x:slice(axis, corner[axis], corner[axis] + side - 1) end
  return x
end

local function network_of_others()
  local net = models.new { "meshnet" }
  local r = weights.load(net, DATA .. "/model5_gw_ae.pth")
  t.eq(r.summary, DATA .. "/model5_gw_ae.pth: safetensors, 20 tensors")
  net:eval():freeze()
  local x = ss.nifti_read(DATA .. "/t1_crop.nii.gz").data:to("f32")
  local low, high = x:min():item(), x:max():item()
  x = cut((x - low) / (high - low), CORNER, SIDE):permute { 3, 2, 1 }
  local labels = net(x:reshape { 1, SIDE, SIDE, SIDE, 1 }):argmax(5):reshape { SIDE, SIDE, SIDE }
  local want = ss.nifti_read(DATA .. "/REF_model5_crop96_labels.nii.gz").data
  t.eq(labels:permute({ 3, 2, 1 }):ne(want:to("i64")):to("f32"):sum():item(), 0)
  local n = INNER_SIDE
  local logits = net(cut(x, INNER, n):reshape { 1, n, n, n, 1 }):reshape { n, n, n, 3 }
  local reference = npy.read(DATA .. "/REF_model5_crop24_logits.npy")
  local worst = (logits:permute { 4, 1, 2, 3 } - reference):abs():max():item()
  t.ok(worst < 1e-5, ("logits differ by %g"):format(worst))
end

t.test("a network trained by others reproduces its reference", function()
  if not ss.fs.exists(DATA .. "/model5_gw_ae.pth") then t.skip(DATA .. " is not there") end
  ss.no_grad(ss.scoped, network_of_others)
end)

t.done()
