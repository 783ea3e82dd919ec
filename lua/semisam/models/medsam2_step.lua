-- models/medsam2_step.lua — one slice of a MedSAM2 session: prompts to the network's coordinates,
-- the answer, what is remembered of it, and its logits at the size of the volume.
local ss = require "semisam"
local nn = require "semisam.nn"
local bank = require "semisam.models.medsam2_bank"
local heads = require "semisam.models.sam2_heads"

local M = {}

local ABSENT = -1024 -- logit of an object that is not there
local PRESENT_SCORE = 10

local function bad(format, ...) error("medsam2: " .. format:format(...), 0) end

-- v / extent * size in single precision, as the official program computes it.
local function single(v) return (string.unpack("<f", string.pack("<f", v))) end
local function scaled(v, extent, size) return single(single(single(v) / extent) * size) end

local function finite(v) return type(v) == "number" and v == v and math.abs(v) < math.huge end

local function check_box(box, clear)
  if clear == false then bad("a box replaces earlier points: clear = false does not go with it") end
  if type(box) ~= "table" or #box ~= 4 then bad("a box must be {x0, y0, x1, y1}") end
  for _, v in ipairs(box) do
    if not finite(v) then bad("a box must be four finite numbers") end
  end
  if box[1] > box[3] or box[2] > box[4] then
    bad("a box must be {x0, y0, x1, y1} with x0 <= x1 and y0 <= y1, got {%g, %g, %g, %g}",
      table.unpack(box))
  end
end

local function check_points(points, labels)
  if #points ~= #labels then bad("%d points but %d labels", #points, #labels) end
  for i, p in ipairs(points) do
    if type(p) ~= "table" or not finite(p[1]) or not finite(p[2]) or p[3] ~= nil then
      bad("point %d must be two finite numbers {x, y}", i)
    end
    if labels[i] ~= 0 and labels[i] ~= 1 then
      bad("label %d must be 1 (inside) or 0 (outside), got %s", i, tostring(labels[i]))
    end
  end
end

local PROMPT = { points = true, labels = true, box = true, clear = true }

---The clicks of a prompt in the square the network sees: the corners of a box first (labels 2, 3).
---@param prompt table see Session:add_points
---@param session table
---@return number[] x, y alternating
---@return integer[] labels
function M.points(prompt, session)
  if type(prompt) ~= "table" then
    bad("a prompt must be a table with points and labels or a box")
  end
  for key in pairs(prompt) do
    if not PROMPT[key] then
      bad("unknown prompt %q, expected points, labels, box or clear", tostring(key))
    end
  end
  local points, labels = prompt.points or {}, prompt.labels or {}
  if ss.is_tensor(points) then points = points:totable() end
  if ss.is_tensor(labels) then labels = labels:flat() end
  check_points(points, labels)
  if prompt.box then
    check_box(prompt.box, prompt.clear)
  elseif #points == 0 then
    bad("a prompt needs points or a box")
  end
  local at, kinds, size = {}, {}, session.net.config.image_size
  local function add(x, y, label)
    at[#at + 1] = scaled(x, session.width, size)
    at[#at + 1] = scaled(y, session.height, size)
    kinds[#kinds + 1] = label
  end
  local box = prompt.box
  if box then
    add(box[1], box[2], 2)
    add(box[3], box[4], 3)
  end
  for i, p in ipairs(points) do add(p[1], p[2], labels[i]) end
  return at, kinds
end

---A mask [h, w] as 0 and 1 at the size of the network [1, s, s, 1].
function M.mask(session, mask)
  local s = session.net.config.image_size
  local x = mask:to("f32"):reshape { 1, mask:size(1), mask:size(2), 1 }
  if x:size(2) == s and x:size(3) == s then return x end
  return x:resize({ s, s }, { mode = "linear", antialias = true }):ge(0.5):to("f32")
end

---Low-resolution logits remembered of an object on a slice, nil when there are none.
function M.remembered(session, z, row)
  local b = session.bank
  local entry = b.cond[z] or b.noncond[z]
  if not entry then return nil end
  return entry.low:size(1) > 1 and entry.low:slice(1, row, row) or entry.low
end

-- Whether several masks are asked for, of which the best is taken.
local function several(c, first, points)
  return c.multimask_output_in_sam and (first or c.multimask_output_for_tracking)
    and c.multimask_min_pt_num <= points and points <= c.multimask_max_pt_num
end

-- The slice's feature with what is remembered.
local function conditioned(session, z, feature, o)
  local c, net = session.net.config, session.net
  local spatial, pointers = session.bank:choose(z, { slices = session.count, reverse = o.reverse,
    maps = c.num_maskmem, stride = c.memory_temporal_stride_for_eval,
    most = c.max_cond_frames_in_attn,
    pointers = c.use_obj_ptrs_in_encoder and c.max_obj_ptrs_in_encoder or 0,
    past = c.only_obj_ptrs_in_the_past_for_eval, signed = c.use_signed_tpos_enc_to_obj_ptrs })
  local scale = math.max(1, math.min(session.count, c.max_obj_ptrs_in_encoder) - 1)
  local memory, position, tokens = bank.tokens(net, spatial, pointers, scale, o.row)
  return net:condition(feature, memory, position, tokens)
end

---The network's answer on slice z, see the network's heads.
---@param session table
---@param z integer
---   o.first     nothing is remembered for this slice
---   o.reverse   direction of the pass, o.stop its end
---   o.row       the object; all of them when absent
---   o.points, o.labels  as `points` gives them, o.previous  logits that go with them
---@param o table
function M.run(session, z, o)
  local net = session.net
  local code = session.slices:code(z, o.stop and (o.reverse and -1 or 1), o.stop)
  local feature = o.first and net:without_memory(code.feature)
    or conditioned(session, z, code.feature, o)
  local count, prompt = o.labels and #o.labels or 0, nil
  if count > 0 then
    prompt = { points = ss.tensor(o.points):reshape { 1, count, 2 },
      labels = ss.tensor(o.labels):reshape { 1, count }, mask = o.previous }
  end
  return net:heads(feature, code, prompt, several(net.config, o.first, count))
end

---The answer to a mask prompt [1, s, s, 1].
---@param o table as for run
function M.run_mask(session, z, mask, o)
  local net = session.net
  local code = session.slices:code(z)
  if net.config.use_mask_input_as_output_without_sam then return net:mask_as_output(code, mask) end
  local feature = o.first and net:without_memory(code.feature)
    or conditioned(session, z, code.feature, o)
  return net:heads(feature, code, { mask = mask }, several(net.config, o.first, 0))
end

---What is kept of an answer; `low` with its holes filled.
function M.entry(session, out)
  local area, low = session.options.fill_hole_area, out.low:to("f32")
  if area > 0 then low = low:fill_small_holes(area) end
  return { low = low, pointer = out.pointer, score = out.score }
end

---Memory features [n, e, e, c] of slice z from logits [n, s, s, 1] and scores.
function M.memory(session, z, high, score, clicked)
  local feature = session.slices:code(z).feature
  return session.net:encode_memory(feature, high, score, clicked)
    :to(session.options.memory_dtype)
end

---Low-resolution logits at the size of the volume.
function M.at_size(session, low)
  local x = low:resize({ session.height, session.width }, { mode = "linear" })
  return session.options.non_overlap_masks and heads.non_overlapping(x) or x
end

---Logits of all objects on slice z: drafts of this kind, else what is remembered.
function M.show(session, z, kind)
  local list = {}
  for row, id in ipairs(session.objects) do
    local own = session.drafts[id][kind][z]
    local low = own and own.low or M.remembered(session, z, row)
    list[row] = low and low:resize({ session.height, session.width }, { mode = "linear" })
      or ss.full({ 1, session.height, session.width, 1 }, ABSENT)
  end
  if #list == 0 then return nil end
  local x = nn.cat(list, 1)
  return session.options.non_overlap_masks and heads.non_overlapping(x) or x
end

---The entry of slice z for all objects, made of drafts of this kind, of what is remembered, and for
---objects without either of an empty mask.
function M.together(session, z, kind)
  local net, b = session.net, session.bank
  local before = b.cond[z] or b.noncond[z]
  local low, pointer, score, nothing = {}, {}, {}, nil
  for row, id in ipairs(session.objects) do
    local own = session.drafts[id][kind][z]
    if own then
      low[row], pointer[row] = own.low:slice(1, 1, 1), own.pointer:slice(1, 1, 1)
      score[row] = own.score:slice(1, 1, 1)
    elseif before then
      low[row], pointer[row] = before.low:slice(1, row, row), before.pointer:slice(1, row, row)
      score[row] = before.score:slice(1, row, row)
    else
      local side, s = net.config.image_size // 4, net.config.image_size
      nothing = nothing or net:mask_as_output(session.slices:code(z), ss.zeros { 1, s, s, 1 })
      low[row], pointer[row] = ss.full({ 1, side, side, 1 }, ABSENT), nothing.pointer
      score[row] = ss.full({ 1, 1 }, PRESENT_SCORE, { dtype = nothing.score.dtype })
    end
  end
  local entry = { low = nn.cat(low, 1), pointer = nn.cat(pointer, 1), score = nn.cat(score, 1) }
  local s = net.config.image_size
  local high = entry.low:resize({ s, s }, { mode = "linear" })
  entry.memory = M.memory(session, z, high, entry.score, true)
  return entry
end

return M
