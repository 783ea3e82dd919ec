-- bench/cases_medsam2.lua — what `semisam bench models` measures of MedSAM2.
local ss = require "semisam"
local filled = require "semisam.bench.filled"
local formula = require "semisam.formula"
local models = require "semisam.models"

local SLICES, POINTERS = 7, 16 -- a full bank
local DEPTH = 64 -- slices that are propagated through

-- Weights as in formula.lua, but for a few without which random masks would all be empty.
local function range(name, shape)
  local scale, offset = formula.range(name, shape)
  if name:find "%.gamma$" then return scale * 25, offset * 25 end
  if name:find "positional_encoding_gaussian_matrix$" then return scale * 8, offset end
  if name:find "hypernetworks_mlps%.%d%.layers%.2%.weight$" then return scale * 20, offset end
  if name:find "pred_obj_score_head%.layers%.2%.bias$" then return scale, offset + 1 end
  return scale, offset
end

local function network(dtype, quick)
  local spec = { "medsam2" }
  if quick then
    spec = { "medsam2", image_size = 64, embed_dim = 16, stages = { 1, 1, 2, 1 },
      global_att_blocks = { 3 }, d_model = 32, mem_dim = 8, ma_layers = 1, ma_ff = 32 }
  end
  return filled(models.new(spec), range):eval():freeze():to(dtype)
end

local function image(net)
  local s = net.config.image_size
  return ss.keep(formula.tensor("input", { 1, s, s, 3 }, 1))
end

local function without_grad(fn)
  return function() ss.no_grad(fn) end
end

local function encode(dtype, quick)
  local net = network(dtype, quick)
  local x = image(net)
  return without_grad(function() return net:encode_image(x) end)
end

-- A slice tracked with a full bank: everything but the encoder.
local function track(dtype, quick)
  local net = network(dtype, quick)
  local c = net.config
  local e, per = c.image_size // 16, c.d_model // c.mem_dim
  local shape = { 1, SLICES * e * e + POINTERS * per, c.mem_dim }
  local tokens = ss.keep(formula.tensor("memory", shape, 1))
  local positions = ss.keep(formula.tensor("positions", shape, 1))
  local code = ss.no_grad(net.encode_image, net, image(net))
  for _, tensor in pairs(code) do ss.keep(tensor) end
  return without_grad(function()
    local feature = net:condition(code.feature, tokens, positions, POINTERS * per)
    local y = net:heads(feature, code, nil, true)
    return net:encode_memory(code.feature, y.high, y.score, false)
  end)
end

-- A volume followed to both ends from a box on its middle slice.
local function propagate(dtype, quick)
  local net = network(dtype, quick)
  local volumes = require "semisam.models.medsam2_volume"
  local s, d = net.config.image_size, quick and 4 or DEPTH
  local volume = ss.keep(formula.tensor("input", { 1, d, s, s, 1 }, 127.5, 127.5))
  local box = { 140 * s // 512, 150 * s // 512, 380 * s // 512, 360 * s // 512 }
  return without_grad(function()
    return volumes.segment(net, volume, { slice = d // 2, box = box })
  end)
end

return {
  { name = "medsam2_encode", make = encode }, { name = "medsam2_track", make = track },
  { name = "medsam2_propagate", make = propagate },
}
