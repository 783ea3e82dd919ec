-- golden_medsam2_session.lua — recorded sessions of the MedSAM2 volume predictor: the operations of
-- case.json are carried out one by one, and what was recorded of each is held against ours.
local ss = require "semisam"
local prep = require "semisam.models.medsam2_prep"
local video = require "semisam.models.medsam2_video"
local slices = require "semisam.models.medsam2_slices"
local G = require "tests.lib.golden"
local C = require "tests.lib.golden_medsam2_common"
local P = require "tests.lib.golden_medsam2_parts"
local precision = require "tests.lib.golden_precision"

local M = {}

local FLIPS = 0.01 -- part of the elements that may be beyond a limit when memories are rounded

-- ---- what happens inside the network ----------------------------------------

-- Records of the calls of one operation, under their official names.
local Trace = {}
Trace.__index = Trace

local function stacked(list)
  for i, x in ipairs(list) do list[i] = x:reshape { 1, table.unpack(x.shape) } end
  return ss.nn.cat(list, 1)
end

local function last_first(x) return x:permute { 2, 1, 3 } end

local function numbers(list) return ss.tensor(list, { dtype = "i32" }) end

local function kept(x) return ss.keep(x:detach():copy()) end

-- Wraps the network's methods; trace.calls is filled until the next clear().
local function trace_of(net)
  local trace = setmetatable({ net = net, calls = {} }, Trace)
  local heads, condition, decoder = net.heads, net.condition, net.sam_mask_decoder
  local class_forward = decoder.forward
  rawset(decoder, "forward", function(self, ...)
    local r = table.pack(class_forward(self, ...))
    local iou = r[2]:to("f32")
    trace.decoded = { masks = kept(G.first(r[1]:to("f32"))),
      ious = kept(net.config.iou_prediction_use_sigmoid and iou:sigmoid() or iou) }
    return table.unpack(r, 1, r.n)
  end)
  rawset(net, "condition", function(self, feature, memory, position, tokens)
    local y = condition(self, feature, memory, position, tokens)
    trace.memory = { memory = kept(last_first(memory)), position = kept(last_first(position)),
      count = memory:size(2), tokens = tokens, feature = kept(G.first(y)) }
    return y
  end)
  rawset(net, "heads", function(self, feature, code, prompt, multimask)
    local out = heads(self, feature, code, prompt, multimask)
    trace.calls[#trace.calls + 1] = { feature = kept(G.first(feature)), memory = trace.memory,
      decoded = trace.decoded, masks = kept(G.first(out.masks)), ious = kept(out.ious),
      pointer = kept(out.pointer), score = kept(out.score) }
    trace.memory, trace.decoded = nil, nil
    return out
  end)
  return trace
end

-- Gives the network its methods back.
function Trace:stop()
  rawset(self.net.sam_mask_decoder, "forward", nil)
  rawset(self.net, "condition", nil)
  rawset(self.net, "heads", nil)
end

-- A prompt: one call of the heads.
function Trace:prompted(got, id)
  local call = self.calls[1]
  if not call then return end
  got[id .. "/pix_feat"], got[id .. "/multimasks"] = call.feature, call.masks
  got[id .. "/ious"], got[id .. "/object_score"] = call.ious, call.score
  got[id .. "/head_obj_ptr"] = call.pointer
  got[id .. "/all_masks"], got[id .. "/all_ious"] = call.decoded.masks, call.decoded.ious
end

-- A pass: the tracked slices in order.
function Trace:tracked(got, id, frames)
  local masks, ious, features, counts, tokens = {}, {}, {}, {}, {}
  local memory
  for _, call in ipairs(self.calls) do
    memory = call.memory
    masks[#masks + 1], ious[#ious + 1] = call.masks, call.ious
    features[#features + 1], counts[#counts + 1] = memory.feature, memory.count
    tokens[#tokens + 1] = memory.tokens
  end
  if not memory then return end
  got[id .. "/tracked_frames"] = numbers(frames)
  got[id .. "/num_memory_tokens"], got[id .. "/num_obj_ptr_tokens"] = numbers(counts),
    numbers(tokens)
  got[id .. "/pix_feat_with_mem"] = stacked(features)
  got[id .. "/multimasks"], got[id .. "/ious"] = stacked(masks), stacked(ious)
  got[id .. "/last_memory"], got[id .. "/last_memory_pos"] = memory.memory, memory.position
end

-- ---- operations ------------------------------------------------------------------

-- The bank, slices in the recorded order.
local function state_of(run, got, id)
  local bank = run.session.bank
  for _, kind in ipairs { "cond", "noncond" } do
    local name = ("%s/state/%s_"):format(id, kind)
    local order = run.order(name .. "frames", bank, kind)
    local low, pointer, score, memory = {}, {}, {}, {}
    for i, z in ipairs(order) do
      local e = bank[kind][z]
      low[i], pointer[i], score[i] = G.first(e.low), e.pointer, e.score
      memory[i] = G.first(e.memory:to("f32"))
    end
    got[name .. "frames"] = numbers(order)
    if #order > 0 then
      got[name .. "pred_masks"], got[name .. "obj_ptr"] = stacked(low), stacked(pointer)
      got[name .. "object_score_logits"], got[name .. "maskmem_features"] = stacked(score),
        stacked(memory)
    end
  end
end

local op = {}

op.init_state = function(run)
  if run.session then run.session:close() end
  run.session = video.new(run.net, run.images, run.options)
end

op.reset_state = function(run) run.session:reset() end

op.add_points = function(run, o, got)
  local logits = run.session:add_points(o.frame, o.obj_id, { points = o.points, labels = o.labels,
    box = o.box, clear = o.clear_old_points })
  got[o.id .. "/logits"] = G.first(logits)
  run.trace:prompted(got, o.id)
end

op.add_mask = function(run, o, got)
  local mask = run.io[o.mask_key]
  if not mask then
    mask = run.logits[o.from_op]:gt(0):select(1, 1):select(1, 1)
  elseif o.from_op then -- the recorded mask is what we would have put in
    local ours = run.logits[o.from_op]:select(1, 1):select(1, 1):gt(0):to("f32")
    local wrong = (ours - mask:to("f32")):abs():sum():item()
    G.expect_f32(run.report, wrong <= run.flips * mask.count, o.mask_key .. ": differs from ours")
  end
  local logits = run.session:add_mask(o.frame, o.obj_id, mask)
  got[o.id .. "/logits"] = G.first(logits)
  local entry = run.session.drafts[o.obj_id]
  entry = entry.cond[o.frame] or entry.noncond[o.frame]
  got[o.id .. "/low_res"], got[o.id .. "/obj_ptr"] = kept(G.first(entry.low)), kept(entry.pointer)
end

op.propagate = function(run, o, got)
  local frames, tracked, list = {}, {}, {}
  local session = run.session
  for z, logits in session:propagate { start = o.start, max = o.max_frames, reverse = o.reverse } do
    frames[#frames + 1], list[#list + 1] = z, G.first(logits)
    if not (session.settled.cond[z] or session.settled.noncond[z]) then
      tracked[#tracked + 1] = z
    end
    local mask = logits:slice(1, 1, 1):gt(0):to("u8") -- recorded of the first object
    run.union[z + 1] = ss.keep(run.union[z + 1] and run.union[z + 1]:maximum(mask) or mask)
  end
  got[o.id .. "/frames"] = numbers(frames)
  if #list > 0 then got[o.id .. "/logits"] = stacked(list) end
  run.trace:tracked(got, o.id, tracked)
  state_of(run, got, o.id)
end

op.clear_all_prompts_in_frame = function(run, o, got)
  local logits = run.session:clear_prompts(o.frame, o.obj_id)
  if logits then got[o.id .. "/logits"] = G.first(logits) end
end

op.remove_object = function(run, o) run.session:remove_object(o.obj_id) end

-- Carries out all operations; what was to be recorded, by name.
local function play(run, ops)
  local got = {}
  run.union, run.logits, run.trace = {}, {}, trace_of(run.net)
  for i, one in ipairs(ops) do
    local o = { id = ("op%02d"):format(i - 1) }
    for key, value in pairs(one) do o[key] = value end
    local act = op[o.op] or error("unknown operation " .. o.op)
    run.trace.calls = {}
    act(run, o, got)
    run.logits[i - 1] = got[o.id .. "/logits"]
  end
  run.trace:stop()
  return got
end

-- ---- kinds --------------------------------------------------------------------------

local OPTIONS = { "fill_hole_area", "add_all_frames_to_correct_as_cond", "non_overlap_masks",
  "clear_non_cond_mem_around_input", "clear_non_cond_mem_for_multi_obj" }

local function options(info)
  local o = { height = info.video_height, width = info.video_width,
    memory_dtype = info.memory_storage_dtype }
  for _, key in ipairs(OPTIONS) do o[key] = (info.predictor_options or {})[key] end
  return o
end

-- The recorded order of a list of slices when it names the same ones, else ours.
local function orders(io, prefix)
  return function(name, bank, kind)
    local ours = {}
    for z in pairs(bank[kind]) do ours[#ours + 1] = z end
    table.sort(ours)
    local theirs = io[prefix .. name]
    theirs = theirs and theirs:flat() or {}
    local sorted = table.move(theirs, 1, #theirs, 1, {})
    table.sort(sorted)
    return table.concat(sorted, " ") == table.concat(ours, " ") and theirs or ours
  end
end

local function segmentation(run, d, h, w)
  local list = {}
  for z = 1, d do
    list[z] = (run.union[z] or ss.zeros({ h, w }, { dtype = "u8" })):reshape { 1, h, w }
  end
  return ss.nn.cat(list, 1)
end

function M.video(case, report)
  local info, io = case.info, case.io
  ss.no_grad(function()
    local u8 = io["in/resized_u8"]
    local d, s = u8:size(1), u8:size(2)
    local flips = info.memory_storage_dtype == "bf16" and FLIPS or 0
    local run = { net = C.build(report, case), io = io, options = options(info),
      images = u8:reshape { d, s, s, 1 }, order = orders(io, ""), report = report, flips = flips }
    if io["in/volume_u8"] then
      local v = io["in/volume_u8"]
      local ours = prep.resize(v:reshape { d, v:size(2), v:size(3), 1 }, s):reshape(u8.shape)
      G.expect(report, (ours:to("i32") - u8:to("i32")):abs():max():item() == 0, "in/resized_u8")
    end
    local got = play(run, info.ops)
    local seg = segmentation(run, d, info.video_height, info.video_width)
    C.check(report, case, got, { ["final/segmentation"] = true,
      ["final/largest_component_26"] = true }, flips)
    C.check_mask(report, "final/segmentation", seg, io["final/segmentation"], flips)
    C.check_mask(report, "final/largest_component_26", seg:largest_component("corner"),
      io["final/largest_component_26"], flips)
    run.session:close()
  end)
end

-- Samples of a result against those recorded: every stride-th element.
local function check_samples(report, got, want, stats, name)
  if not got then return G.expect(report, false, name .. ": was not produced") end
  local flat = got:to("f32"):reshape { got.count }:slice(1, 1, got.count, stats.stride)
  flat = flat:slice(1, 1, math.min(flat.count, want.count))
  if precision.measures(report) and flat.count == want.count then
    return precision.add(report, name, flat, want, true)
  end
  local limit = math.max(40 * stats.noise_max, 2e-4 * math.max(math.abs(stats.min),
    math.abs(stats.max)))
  local shape = table.concat(got.shape, ",") == table.concat(stats.shape, ",")
  local inside = (flat - want):abs():le(limit):sum():item()
  G.expect(report, shape and flat.count == want.count and want.count - inside
    <= FLIPS * want.count, ("%s: %d of %d samples beyond %.3g, shape [%s]"):format(name,
    want.count - inside, want.count, limit, table.concat(got.shape, ",")))
end

---A session at full size, with memories rounded to bf16 and not. net: filled with the case's weights.
function M.full_size(case, report, net)
  local info, io = case.info, case.io
  ss.no_grad(function()
    local s = net.config.image_size
    local bytes = P.slices(info, s):to("u8"):reshape { info.num_frames, s, s, 1 }
    local source = slices.new(net, bytes, 1 << 30)
    for _, dtype in ipairs { "bf16", "f32" } do
      local start = ss.clock()
      local run = { net = net, io = io, images = source, report = report, flips = FLIPS,
        options = { height = info.video_height, width = info.video_width, memory_dtype = dtype } }
      run.order = orders(io, dtype .. "/")
      local got = play(run, info.ops)
      print(("%s: %s session %.1f s, peak %d MB"):format(report.name, dtype, ss.clock() - start,
        ss.memory("cpu").peak // 1000000))
      for name, want in pairs(io) do
        local own = name:match("^" .. dtype .. "/(.*)$")
        if own and info.stats[name] then
          check_samples(report, got[own], want, info.stats[name], name)
        elseif own then -- lists of whole numbers
          local same = got[own] and table.concat(got[own]:flat(), " ")
          G.expect(report, same == table.concat(want:flat(), " "), name)
        end
      end
      run.session:close()
    end
    source:close()
  end)
end

return M
