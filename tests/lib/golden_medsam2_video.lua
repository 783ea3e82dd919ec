-- golden_medsam2_video.lua — the recorded kinds of MedSAM2 around its network: preprocessing, hole
-- filling, the memory bank, and whole sessions.
local ss = require "semisam"
local prep = require "semisam.models.medsam2_prep"
local bank = require "semisam.models.medsam2_bank"
local G = require "tests.lib.golden"
local C = require "tests.lib.golden_medsam2_common"
local session = require "tests.lib.golden_medsam2_session"

local K = {}

-- Elements of stored doubles, which tensors cannot hold.
local function doubles(path, name)
  local file <close> = assert(io.open(path, "rb"))
  local size = string.unpack("<I8", file:read(8))
  local entry = ss.json.decode(file:read(size))[name]
  assert(entry.dtype == "F64", name)
  file:seek("set", 8 + size + entry.data_offsets[1])
  local list = {}
  for _ = 1, (entry.data_offsets[2] - entry.data_offsets[1]) // 8 do
    list[#list + 1] = string.unpack("<d", file:read(8))
  end
  return list
end

-- The percentile window in double precision: the limits are what the library found.
local function windowed(values, limits)
  local out = {}
  for i, v in ipairs(values) do
    local t = math.max(limits.lo, math.min(limits.hi, v))
    out[i] = limits.keep_zero and v == 0 and 0 or (t - limits.lo) / (limits.hi - limits.lo) * 255
  end
  return out
end

K.preprocess = function(case, report)
  local io, info = case.io, case.info
  local path = case.folder .. "/io.safetensors"
  local ct = prep.to_u8(io["in/ct_i16"], info.window)
  local mr = io["in/mr_f64"]
  local limits = prep.limits(mr, "percentile")
  local d, h, w = table.unpack(ct.shape)
  local resized = prep.resize(ct:reshape { d, h, w, 1 }, info.size)
  C.check(report, case, {
    ["out/ct_u8"] = ct, ["out/mr_u8"] = prep.to_u8(mr, "percentile"),
    ["out/ct_resized_u8"] = resized:reshape { d, info.size, info.size },
    ["out/normalised_slice1"] = G.first(prep.normalise(resized:slice(1, 2, 2))),
  }, { ["out/mr_f64"] = true })
  local limit, want = info.tolerances["out/mr_f64"], doubles(path, "out/mr_f64")
  local worst = 0
  for i, v in ipairs(windowed(doubles(path, "in/mr_f64"), limits)) do
    worst = math.max(worst, math.abs(v - want[i]) - limit.atol - limit.rtol * math.abs(want[i]))
  end
  G.expect(report, worst <= 0, "out/mr_f64: beyond its limit by " .. worst)
end

-- Sizes of the components of each image's pixels <= 0, in their places.
local function hole_areas(scores)
  local n, h, w = scores:size(1), scores:size(3), scores:size(4)
  local label = scores:reshape { n, 1, h, w }:le(0):connected_components("corner"):flat()
  local out = {}
  for k = 0, n - 1 do
    local area = {}
    for i = k * h * w + 1, (k + 1) * h * w do area[label[i]] = (area[label[i]] or 0) + 1 end
    for i = k * h * w + 1, (k + 1) * h * w do out[i] = label[i] > 0 and area[label[i]] or 0 end
  end
  return ss.tensor(out, { dtype = "i32" }):reshape(scores.shape)
end

K.post_processing = function(case, report)
  local io = case.io
  local scores = io["in/mask_scores"]
  C.check(report, case, {
    ["out/filled_area8"] = G.first(G.last(scores):fill_small_holes(8)),
    ["out/hole_component_area"] = hole_areas(scores),
    ["out/largest_cc26"] = io["in/seg"]:largest_component("corner"),
    ["out/largest_cc26_tie"] = io["in/seg_tie"]:largest_component("corner"),
  })
end

-- The grid that the name of a resampled result ends in: to_31x45, to_16.
local function target(name)
  local h, w = name:match("_to_(%d+)x(%d+)$")
  h = h or name:match("_to_(%d+)$")
  return { math.tointeger(h), math.tointeger(w or h) }
end

K.resample = function(case, report)
  local io, got = case.io, {}
  local how = {
    bilinear = { mode = "linear" }, aa_bilinear = { mode = "linear", antialias = true },
    mask_prompt = { mode = "linear", antialias = true }, bicubic = { mode = "cubic" },
  }
  local function source(kind, name) -- inputs are told apart by their size
    if kind == "bilinear" then return "in/low" end
    if kind == "mask_prompt" then return "in/mask" end
    if kind == "aa_bilinear" then
      return name:find("_64_to", 1, true) and "in/aa64" or "in/big"
    end
    return "in/pe" .. name:match("bicubic_(%d+)_to")
  end
  for name in pairs(io) do
    local kind = name:match("^out/(%a+_?%a*)_%d*x?%d*_?to_") or name:match("^out/(mask_prompt)")
    if kind then
      local y = G.last(io[source(kind, name)]):resize(target(name), how[kind])
      if kind == "mask_prompt" then y = y:ge(0.5):to("f32") end
      got[name] = G.first(y)
    end
  end
  C.check(report, case, got)
end

local function bank_of(io, net)
  local b = bank.new()
  for _, kind in ipairs { "cond", "noncond" } do
    local frames = io["in/" .. kind .. "_frames"]:flat()
    for i, z in ipairs(frames) do
      b:put(kind, z, {
        memory = G.last(io[("in/%s_feats"):format(kind)]:slice(1, i, i)):copy(),
        pointer = io[("in/%s_ptrs"):format(kind)]:slice(1, i, i):copy() })
    end
  end
  return b, net.config
end

K.memory_bank = function(case, report)
  local net, io = C.build(report, case), case.io
  ss.no_grad(function()
    local b, c = bank_of(io, net)
    local slices = io["in/num_frames"]:item()
    local spatial, pointers = b:choose(io["in/frame_idx"]:item(), { slices = slices,
      reverse = io["in/track_in_reverse"]:item() ~= 0, maps = c.num_maskmem,
      stride = c.memory_temporal_stride_for_eval, most = c.max_cond_frames_in_attn,
      pointers = c.max_obj_ptrs_in_encoder, past = c.only_obj_ptrs_in_the_past_for_eval,
      signed = c.use_signed_tpos_enc_to_obj_ptrs })
    local scale = math.min(slices, c.max_obj_ptrs_in_encoder) - 1
    local memory, position, tokens = bank.tokens(net, spatial, pointers, scale)
    local current = io["in/curr_nbc"]:permute { 2, 1, 3 }
    local e = c.image_size // 16
    local feature = current:reshape { current:size(1), e, e, current:size(3) }
    C.check(report, case, {
      ["mid/memory_nbc"] = memory:permute { 2, 1, 3 },
      ["mid/memory_pos_nbc"] = position:permute { 2, 1, 3 },
      ["out/pix_feat_with_mem"] = G.first(net:condition(feature, memory, position, tokens)),
      ["mid/num_obj_ptr_tokens"] = ss.tensor({ tokens }, { dtype = "i32" }):reshape {},
    })
  end)
end

K.video, K.full_size = session.video, session.full_size

return K
