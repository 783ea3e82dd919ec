-- models/medsam2_volume.lua — MedSAM2 on whole volumes: prompts in voxels become prompts on slices,
-- which are followed to both ends (the scheme of the official 3-D scripts).
--
-- Voxels are (z, y, x), counted from 0. A prompt is a table with some of
--   points = [k, 3], labels = [k]  1 inside, 0 outside
--   box    = {y0, x0, y1, x1} on the slice `slice` (default: the middle one), or the lowest and
--            highest voxel {{z, y, x}, {z, y, x}}: then on its middle slice, and nothing outside
--            its slices is looked at
--   mask   = [h, w] on `slice`, or [d, h, w]: on the slice where it is largest
-- Points and boxes (z, y, x) may be tensors.
local ss = require "semisam"
local nn = require "semisam.nn"
local prep = require "semisam.models.medsam2_prep"
local video = require "semisam.models.medsam2_video"

local M = {}

local OBJECT = 1 -- name of the only object of a session
local SHARED_BYTES = 1 << 30 -- of encoded slices that several objects share

local function bad(format, ...) error("medsam2: " .. format:format(...), 0) end

local function list_of(x) return ss.is_tensor(x) and x:totable() or x end

-- ---- prompts on slices -------------------------------------------------------

local function slice_of(z, depth, what)
  local at = math.floor(z + 0.5)
  if z ~= z or at < 0 or at >= depth then
    bad("%s lies on slice %g, outside 0..%d", what, z, depth - 1)
  end
  return at
end

-- Clicks by slice: those with one inside come first, the others are corrections.
local function place_points(plan, points, labels, depth)
  local on, order = {}, {}
  for i, p in ipairs(points) do
    if type(p) ~= "table" or #p ~= 3 then bad("point %d must be three numbers (z, y, x)", i) end
    local z = slice_of(p[1], depth, "point " .. i)
    if not on[z] then
      on[z] = { z = z, points = {}, labels = {}, inside = false }
      order[#order + 1] = z
    end
    local one = on[z]
    one.points[#one.points + 1] = { p[3], p[2] }
    one.labels[#one.labels + 1] = labels[i]
    one.inside = one.inside or labels[i] == 1
  end
  table.sort(order)
  for _, z in ipairs(order) do
    local to = on[z].inside and plan.first or plan.later
    to[#to + 1] = on[z]
  end
end

local function place_box(plan, box, depth, slice)
  box = list_of(box)
  if #box == 4 then
    plan.first[#plan.first + 1] = { z = slice or depth // 2,
      box = { box[2], box[1], box[4], box[3] } }
    return
  end
  local lo, hi = box[1], box[2]
  if #box ~= 2 or type(lo) ~= "table" or type(hi) ~= "table" or #lo ~= 3 or #hi ~= 3 then
    bad("a box must be {y0, x0, y1, x1} or {{z, y, x}, {z, y, x}}")
  end
  plan.low, plan.high = slice_of(lo[1], depth, "the box"), slice_of(hi[1], depth, "the box")
  if plan.low > plan.high then bad("the box ends before it begins") end
  plan.first[#plan.first + 1] = { z = slice or (plan.low + plan.high) // 2,
    box = { lo[3], lo[2], hi[3], hi[2] } }
end

---The slice [h, w] where a mask [d, h, w] covers most, and its number; nil when it is empty.
---@param mask semisam.tensor inside where > 0
---@return semisam.tensor?
---@return integer?
function M.largest_slice(mask)
  local area = mask:gt(0):sum { dims = { 2, 3 } }
  local z = area:argmax { dim = 1 }:item()
  z = math.tointeger(z)
  if area:flat()[z + 1] == 0 then return nil end
  return mask:select(1, z + 1), z
end

local function place_mask(plan, mask, depth, slice)
  if mask.ndim == 2 then
    plan.first[#plan.first + 1] = { z = slice or depth // 2, mask = mask:gt(0) }
    return
  end
  if mask.ndim ~= 3 or mask:size(1) ~= depth then
    bad("a mask must be [h,w] or [%d,h,w], got [%s]", depth, table.concat(mask.shape, ","))
  end
  local one, z = M.largest_slice(mask)
  if not one then bad("the mask prompt is empty") end
  plan.first[#plan.first + 1] = { z = z, mask = one:gt(0) }
end

local KNOWN = { points = true, labels = true, box = true, mask = true, slice = true }

---What to put on which slice: `first` before tracking, `later` as corrections (slices with nothing
---but clicks outside). low, high: the slices to look at.
---@param prompt table see above
---@param depth integer
---@return {first: table[], later: table[], low: integer, high: integer}
function M.plan(prompt, depth)
  for key in pairs(prompt) do
    if not KNOWN[key] then bad("unknown prompt %q", tostring(key)) end
  end
  local plan = { first = {}, later = {}, low = 0, high = depth - 1 }
  local slice = prompt.slice and slice_of(prompt.slice, depth, "the prompt")
  if prompt.mask then place_mask(plan, prompt.mask, depth, slice) end
  if prompt.box then place_box(plan, prompt.box, depth, slice) end
  local points = list_of(prompt.points or {})
  local labels = ss.is_tensor(prompt.labels) and prompt.labels:flat() or prompt.labels or {}
  if #points ~= #labels then bad("%d points but %d labels", #points, #labels) end
  place_points(plan, points, labels, depth)
  if #plan.first == 0 then plan.first, plan.later = plan.later, {} end
  if #plan.first == 0 then bad("a prompt needs points, a box or a mask") end
  return plan
end

-- A box and clicks on one slice are one prompt; a mask comes first and is refined by clicks.
local function place(session, list, refine)
  local at, answers = {}, {}
  for _, one in ipairs(list) do
    if one.mask then
      session:add_mask(one.z, OBJECT, one.mask)
    else
      local before = at[one.z]
      answers[one.z] = session:add_points(one.z, OBJECT, { box = one.box or before and before.box,
        points = one.points, labels = one.labels })
    end
    at[one.z] = one
  end
  if not refine then return end
  for z, logits in pairs(answers) do -- the answer itself becomes the prompt
    session:add_mask(z, OBJECT, logits:gt(0):reshape { logits:size(2), logits:size(3) })
  end
end

-- ---- both directions -----------------------------------------------------------

local function pass(session, from, to, reverse, give)
  local far = math.abs(to - from) + (session.options.limit == "count" and 1 or 0)
  for z, logits in session:propagate { start = from, max = far, reverse = reverse } do
    give(z, logits)
    logits:release()
  end
end

---Follow a plan from its first slice to the end, then back to the beginning. `give(z, logits)` gets
---[1, h, w, 1] of every slice from plan.low to plan.high, for the time of the call; the last word
---counts.
---   o.reset   the way back starts without memories of the way there
---   o.refine  the answer to the prompts is put in as a mask
---@param session table of one volume, without objects
---@param plan table from M.plan
---@param o {reset: boolean, refine: boolean}
---@param give fun(z: integer, logits: semisam.tensor)
function M.follow(session, plan, o, give)
  local from = math.huge
  for _, one in ipairs(plan.first) do from = math.min(from, one.z) end
  place(session, plan.first, o.refine)
  pass(session, from, plan.high, false, give)
  if from > plan.low then
    if o.reset and #plan.later == 0 then
      session:reset()
      place(session, plan.first, o.refine)
    end
    pass(session, from, plan.low, true, give)
  end
  if #plan.later == 0 then return end
  place(session, plan.later, false)
  pass(session, from, plan.high, false, give)
  if from > plan.low then pass(session, from, plan.low, true, give) end
end

-- ---- volumes --------------------------------------------------------------------

---Slices of a volume as the network wants them.
---@param net table
---@param volume semisam.tensor [1, d, h, w, 1]
---@param window string|number[] see medsam2_prep.limits
---@return semisam.tensor [d, s, s, 1] u8
function M.slices(net, volume, window)
  if volume.ndim ~= 5 or volume:size(1) ~= 1 or volume:size(5) ~= 1 then
    bad("a volume must be [1,d,h,w,1], got [%s]", table.concat(volume.shape, ","))
  end
  local _, d, h, w = table.unpack(volume.shape)
  return prep.resize(prep.to_u8(volume, window):reshape { d, h, w, 1 }, net.config.image_size)
end

local DEFAULTS = {
  window = "minmax",   -- or "percentile", "u8", {low, high}: intensities that become 0 and 255
  reset = true,        -- the way back starts without memories of the way there, as officially
  recist = false,      -- the answer to the prompts is put in as a mask (the RECIST script)
  largest = false,     -- keep the largest component, 26 neighbours (the DeepLesion script)
  threshold = 0,       -- of the logits
  session = {},        -- options of medsam2_video
}

-- The mask [d, h, w] of one prompt.
local function one_object(net, source, prompt, o, size)
  local settings = { height = size[2], width = size[3] }
  for key, value in pairs(o.session) do settings[key] = value end
  local session <close> = video.new(net, source, settings)
  local plan, masks = M.plan(prompt, size[1]), {}
  M.follow(session, plan, { reset = o.reset, refine = o.recist }, function(z, logits)
    if masks[z + 1] then masks[z + 1]:release() end
    masks[z + 1] = ss.keep(logits:gt(o.threshold):to("u8"):reshape { 1, size[2], size[3], 1 })
  end)
  for z = 1, size[1] do
    masks[z] = masks[z] or ss.zeros({ 1, size[2], size[3], 1 }, { dtype = "u8" })
  end
  local mask = nn.cat(masks, 1):reshape(size)
  for _, one in ipairs(masks) do one:release() end
  return o.largest and mask:largest_component("corner") or mask
end

---Segment the prompted objects of a volume, one after the other; each slice is encoded once.
---@param net table medsam2 network
---@param volume semisam.tensor [1, d, h, w, 1]
---@param prompts table a prompt (see above) or a list of them
---@param opts table? window, reset, recist, largest, threshold, session
---@return semisam.tensor [1, d, h, w, n] u8 of 0 and 1, one channel per prompt
function M.segment(net, volume, prompts, opts)
  local o = nn.options("medsam2 segment", opts, DEFAULTS, 3)
  local list = prompts[1] and prompts or { prompts }
  return ss.no_grad(ss.scoped, function()
    local _, d, h, w = table.unpack(volume.shape)
    local settings = { cache_bytes = #list > 1 and SHARED_BYTES or nil }
    for key, value in pairs(o.session) do settings[key] = value end
    local first <close> = video.new(net, M.slices(net, volume, o.window), settings)
    local masks = {}
    for i, prompt in ipairs(list) do
      local mask = ss.scoped(one_object, net, first.slices, prompt, o, { d, h, w })
      masks[i] = mask:reshape { 1, d, h, w, 1 }
    end
    return nn.cat(masks, -1)
  end)
end

return M
