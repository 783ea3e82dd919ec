-- A small MedSAM2 and sessions on noise, for the tests of the volume predictor.
local ss = require "semisam"
local nn, models = ss.nn, ss.models
local video = require "semisam.models.medsam2_video"

local M = { SIZE = 64, DEPTH = 7, BOX = { box = { 10, 8, 30, 28 } },
  CLICK = { points = { { 25, 15 } }, labels = { 1 } } }

local SMALL = { "medsam2", embed_dim = 8, num_heads = 1, stages = { 1, 1, 2, 1 },
  global_att_blocks = { 3 }, window_spec = { 8, 4, 4, 2 }, bkg = { 7, 7 }, d_model = 32,
  mem_dim = 8, ma_layers = 1, ma_ff = 32, image_size = M.SIZE, decoder_mlp_dim = 32,
  iou_head_hidden_dim = 16, max_obj_ptrs_in_encoder = 4, num_maskmem = 3 }

---A network with random weights that finds its objects on every slice.
function M.make(change)
  local spec = {}
  for key, value in pairs(SMALL) do spec[key] = value end
  for key, value in pairs(change or {}) do spec[key] = value end
  nn.seed(5)
  local net = models.new(spec):eval():freeze()
  ss.no_grad(function()
    net:state()["sam_mask_decoder.pred_obj_score_head.layers.2.bias"]:fill_(9)
  end)
  return net
end

M.NET = M.make()

---Noise as slices [d, s, s, 1] u8.
function M.images(d, key)
  return (ss.uniform({ d or M.DEPTH, M.SIZE, M.SIZE, 1 }, key or 3) * 255):to("u8")
end

---A session on noise that came from 40 x 48.
function M.session(opts, net)
  local o = { height = 40, width = 48 }
  for key, value in pairs(opts or {}) do o[key] = value end
  return video.new(net or M.NET, M.images(), o)
end

---The slices a pass gives, in order, and their logits by slice.
function M.sweep(s, o)
  local order, by = {}, {}
  for z, logits in s:propagate(o) do
    order[#order + 1], by[z] = z, logits
  end
  return order, by
end

function M.difference(a, b) return (a - b):abs():max():item() end

-- The network makes its tables of positions when it is first used: not to count as a leak.
do
  local s <close> = M.session()
  s:add_points(1, 1, M.BOX)
  M.sweep(s)
end

return M
