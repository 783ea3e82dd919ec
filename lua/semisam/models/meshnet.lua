-- models/meshnet.lua — MeshNet: a stack of dilated 3x3x3 convolutions without pooling.
--
-- Fedorov et al., "End-to-end learning of brain tissue segmentation from imperfect labeling", 2017;
-- the small variants are those of brainchop. Every layer but the last is a convolution, with
-- batch norm where `norm` is set, and ReLU; the last is a 1x1x1 convolution. All keep the grid.
-- Parameters are named as in the published checkpoints: one sequence `model`, in which the
-- activation, the norm and the dropout count too: model.0, model.2, model.4 ... without a norm.
-- The published weights expect the volume in x, y, z order (permute { 1, 4, 3, 2, 5 } of ours),
-- scaled to 0 .. 1 as a whole.
local nn = require "semisam.nn"
local ss = require "semisam"

local DEFAULTS = {
  in_channels = 1,
  classes = 3,
  channels = 5,
  dilations = { 1, 2, 4, 8, 16, 8, 4, 2, 1 },
  bias = true,
  batch_norm = false,
  dropout = 0,
  norm = "minmax", -- what prepare() does to an image; see models.prep
}

local function relu(x) return ss.relu(x) end

-- Layers of one convolution in the order of the sequence.
local function add_unit(layers, inp, out, dilation, opts)
  layers[#layers + 1] = nn.conv3d(inp, out, 3, { pad = dilation, dilation = dilation,
    bias = opts.bias })
  if opts.batch_norm then layers[#layers + 1] = nn.batch_norm(out) end
  layers[#layers + 1] = relu
  if opts.dropout > 0 then layers[#layers + 1] = nn.dropout(opts.dropout) end
end

local MeshNet = nn.module {
  name = "meshnet",
  init = function(self, opts)
    opts = nn.options("meshnet", opts, DEFAULTS)
    self.config, self.prep = opts, { norm = opts.norm }
    local layers, inp = {}, opts.in_channels
    for _, dilation in ipairs(opts.dilations) do
      add_unit(layers, inp, opts.channels, dilation, opts)
      inp = opts.channels
    end
    layers[#layers + 1] = nn.conv3d(inp, opts.classes, 1, { bias = opts.bias })
    self.model = nn.sequential(table.unpack(layers))
  end,
  forward = function(self, x)
    if x.ndim ~= 5 then
      error(("meshnet: expected [n,d,h,w,c], got [%s]"):format(table.concat(x.shape, ",")), 0)
    end
    return self.model(x):to("f32")
  end,
}

function MeshNet:prepare(x) return require("semisam.models.prep").prepare(self.prep, x) end

return MeshNet
