-- golden_sam3d.lua — the recorded kinds of SAM-Med3D.
local ss = require "semisam"
local models = require "semisam.models"
local PromptEncoder = require "semisam.models.sam_prompt3d"
local attend = require "semisam.models.attend"
local G = require "tests.lib.golden"

local P = require "tests.lib.golden_sam3d_parts"

local K = { interactive_training = require("tests.lib.golden_sam3d_train").interactive_training }

K.prompted = function(case, report)
  local net, seen, io, info = P.build(report, case), {}, case.io, case.info
  net:load_state(case.weights)
  P.tap_encoder(seen, net.image_encoder, io)
  P.tap_decoder(seen, net)
  ss.no_grad(function()
    local got = P.prompted(net, io["in.image"], io, info)
    for name, value in pairs(seen) do got[name] = value end
    G.check(report, got, io, info.tolerances)
  end)
end

-- R[u, v] = rows[u - v + n - 1].
local function relative(rows, n)
  local index = {}
  for u = 0, n - 1 do
    for v = 0, n - 1 do index[#index + 1] = u - v + n - 1 end
  end
  return rows:index_select(ss.tensor(index, { dtype = "i64" }), 1):reshape { n, n, rows:size(2) }
end

K.encoder = function(case, report)
  local net, seen, info = P.build(report, case), {}, case.info
  local enc = net.image_encoder
  enc:load_state(case.weights)
  P.tap_encoder(seen, enc, case.io)
  ss.no_grad(function()
    seen["out.image_embedding"] = G.first(enc(G.last(case.io["in.image"])))
    for i, block in ipairs(enc.blocks:children()) do
      local tokens = seen["mid.enc.patch_embed"]:size(2)
      for _, axis in ipairs { "d", "h", "w" } do
        seen[("mid.enc.block%d.R%s"):format(i - 1, axis)] =
          relative(attend.table_for(block.attn["rel_pos_" .. axis], tokens), tokens)
      end
    end
    G.check(report, seen, case.io, info.tolerances)
  end)
end

K.prompt_encoder = function(case, report)
  local c, io = case.info.config, case.io
  local net = G.network(report, PromptEncoder(c.embed_dim, c.image_embedding_size,
    c.input_image_size, c.mask_in_chans))
  net:load_state(case.weights)
  ss.no_grad(function()
    G.check(report, {
      ["out.dense_pe"] = G.first(net:dense_pe()),
      ["out.sparse"] = net:sparse(io["in.points"], io["in.labels"]),
      ["out.dense_mask"] = G.first(net:dense(G.last(io["in.mask"]), 2)),
      ["out.dense_nomask"] = G.first(net:dense(nil, 2)),
    }, io, case.info.tolerances)
  end)
end

K.click_sequence = function(case, report)
  local net, io, info = P.build(report, case), case.io, case.info
  net:load_state(case.weights)
  ss.no_grad(function()
    local code = net:encode(P.to_door(io["in.image"]))
    local g = 4 * (info.config.img_size // info.config.patch_size)
    local mask, got = ss.zeros { 1, g, g, g, 1 }, {}
    got["mid.image_embedding"] = G.first(code.embedding)
    for k = 1, io["in.points"]:size(2) do
      local masks, iou = net:decode_low(code, io["in.points"]:slice(2, 1, k),
        io["in.labels"]:slice(2, 1, k), mask)
      local low, low_iou = P.chosen(masks, iou, false)
      local name = ("out.click%d."):format(k - 1)
      got[name .. "low_res_masks"], got[name .. "iou"] = G.first(low), low_iou
      mask = low
    end
    local prob = P.full(mask, info.config.img_size):sigmoid()
    got["out.prob"] = G.first(prob)
    G.check(report, got, io, info.tolerances)
    local wrong = G.first(prob:gt(0.5):to("f32") - G.last(io["out.seg"]:to("f32"))):abs():sum()
    G.expect_f32(report, wrong:item() <= 6, ("out.seg: %g voxels differ"):format(wrong:item()))
  end)
end

K.full_size = function(case, report)
  P.full_size(case, report, G.network(report, models.new { "sam_med3d" }), function(seen, enc)
    P.tap_windows(seen, enc)
    P.tap_encoder(seen, enc, {})
  end)
end

return K
