-- models/medsam2_video.lua — the MedSAM2 volume predictor: prompts on some slices of a volume are
-- followed through the others with a memory (SAM 2's video predictor, Ravi et al. 2024; a slice is
-- a frame).
--
--   local session = video.new(net, slices, { height = 128, width = 96 })
--   session:add_points(40, "cyst", { box = { 31, 20, 70, 64 } })
--   for z, logits in session:propagate() do ... end
--
-- Slices are counted from 0. Points are { x, y } and boxes { x0, y0, x1, y1 } in pixels of the
-- original slices (width, height), counted from 0. Logits are [objects, height, width, 1] in the
-- order of session.objects; an object is where they are > 0, and -1024 everywhere on a slice where
-- the network says it is absent.
--
-- By default everything is as in the official program. It has rules that surprise; each can be
-- changed alone, `official = false` changes them all:
--   add_all_frames_to_correct_as_cond  false: a correction on a conditioning slice after tracking
--                     began is lost
--   clear_before_tracking  "all": clearing the last prompts of a slice before anything was tracked
--                     clears those of every slice; "slice": only its own
--   reverse_first     false: a reverse pass that starts at slice 0 yields nothing, not even slice 0
--   limit             "distance": `max = m` yields m + 1 slices; "count": m
--   one_direction     false: a pass also remembers what a pass in the other direction left
local ss = require "semisam"
local nn = require "semisam.nn"
local bank = require "semisam.models.medsam2_bank"
local slices = require "semisam.models.medsam2_slices"
local step = require "semisam.models.medsam2_step"
local edit = require "semisam.models.medsam2_edit"

local M = {}

local DEFAULTS = {
  official = true,
  height = 0, width = 0,   -- of the original slices; 0: as the network sees them
  cache_bytes = 64 << 20,  -- of encoded slices; more of it makes repeated passes fast
  clear_before_tracking = "all", reverse_first = false, limit = "distance", one_direction = false,
}
-- Settings of the network that a session may change.
local INHERITED = {
  "fill_hole_area",    -- holes of at most so many low-resolution pixels are filled; 0: none
  "non_overlap_masks", -- a pixel belongs to the object with the largest logit
  "clear_non_cond_mem_around_input", "clear_non_cond_mem_for_multi_obj",
  "add_all_frames_to_correct_as_cond",
  "memory_dtype",      -- memory features are kept rounded to "bf16", or as "f32"
}
local CORRECTED = { add_all_frames_to_correct_as_cond = true, clear_before_tracking = "slice",
  reverse_first = true, limit = "count", one_direction = true }
local CHOICES = { memory_dtype = { bf16 = true, f32 = true },
  clear_before_tracking = { all = true, slice = true },
  limit = { distance = true, count = true } }

local Session = {}
Session.__index = Session
M.Session = Session

local function options(net, opts)
  local defaults = {}
  for key, value in pairs(DEFAULTS) do defaults[key] = value end
  for _, key in ipairs(INHERITED) do defaults[key] = net.config[key] end
  if opts and opts.official == false then
    for key, value in pairs(CORRECTED) do defaults[key] = value end
  end
  local o = nn.options("medsam2 session", opts, defaults, 5)
  for key, known in pairs(CHOICES) do
    if not known[o[key]] then
      error(("medsam2 session: %s cannot be %q"):format(key, tostring(o[key])), 4)
    end
  end
  return o
end

---A session on one volume.
---@param net table the medsam2 network
---@param images semisam.tensor|table [d, s, s, 3] normalised, [d, s, s, 1] in 0..255, or the
---.slices of another session, whose encodings are then shared
---@param opts table? see above
---@return table
function M.new(net, images, opts)
  local o = options(net, opts)
  local owns = ss.is_tensor(images)
  local source = owns and slices.new(net, images, o.cache_bytes) or images
  local s = net.config.image_size
  return setmetatable({ net = net, options = o, slices = source, owns = owns, count = source.count,
    height = o.height > 0 and o.height or s, width = o.width > 0 and o.width or s,
    objects = {}, prompts = {}, drafts = {}, bank = bank.new(),
    settled = { cond = {}, noncond = {} }, tracked = {}, started = false, generation = 0,
  }, Session)
end

-- Errors are the caller's: the level skips this file's own functions.
local function bad(format, ...) error("medsam2: " .. format:format(...), 0) end

local function check_slice(self, z)
  if math.type(z) ~= "integer" or z < 0 or z >= self.count then
    bad("slice must be an integer from 0 to %d, got %s", self.count - 1, tostring(z))
  end
end

-- Position of an object in the batch; new ones are added before tracking begins.
local function row_of(self, id)
  if id == nil or id ~= id then bad("an object needs a name or a number") end
  for row, one in ipairs(self.objects) do
    if one == id then return row end
  end
  if self.started then
    bad("object %s is new, but tracking has begun; reset() first", tostring(id))
  end
  self.objects[#self.objects + 1] = id
  self.prompts[id] = { points = {}, masks = {} }
  self.drafts[id] = { cond = {}, noncond = {} }
  return #self.objects
end

-- How the prompts on slice z count: first, kind, reverse.
local function role_of(self, z)
  local reverse = self.tracked[z]
  local first = reverse == nil
  local cond = first or self.options.add_all_frames_to_correct_as_cond
  return first, cond and "cond" or "noncond", reverse or false
end

local function draft(self, z, id, kind, entry)
  local old = self.drafts[id][kind][z]
  for _, tensor in pairs(entry) do ss.keep(tensor) end
  self.drafts[id][kind][z] = entry
  if old then
    for _, tensor in pairs(old) do tensor:release() end
  end
end

---Clicks or a box for one object on one slice. Earlier clicks there are replaced unless
---`clear = false`. Labels are 1 (inside) and 0. The answer so far goes back to the network as a
---mask prompt.
---@param z integer slice
---@param id string|integer object
---@param prompt {points: number[][]?, labels: integer[]?, box: number[]?, clear: boolean?}
---@return semisam.tensor logits [objects, height, width, 1] on this slice
function Session:add_points(z, id, prompt)
  check_slice(self, z)
  local points, labels = step.points(prompt, self)
  local row = row_of(self, id)
  local mine = self.prompts[id]
  local old = prompt.clear == false and mine.points[z]
  if old then
    points = table.move(points, 1, #points, #old.points + 1, { table.unpack(old.points) })
    labels = table.move(labels, 1, #labels, #old.labels + 1, { table.unpack(old.labels) })
  end
  local first, kind, reverse = role_of(self, z)
  return ss.no_grad(ss.scoped, function()
    local previous = self.drafts[id][kind][z]
    local low = previous and previous.low or step.remembered(self, z, row)
    local out = step.run(self, z, { first = first, reverse = reverse, row = row, points = points,
      labels = labels, previous = low and low:clamp(-32, 32) })
    draft(self, z, id, kind, step.entry(self, out))
    mine.points[z], mine.masks[z] = { points = points, labels = labels }, nil
    return step.show(self, z, kind)
  end)
end

---A mask for one object on one slice, replacing its clicks there.
---@param z integer slice
---@param id string|integer object
---@param mask semisam.tensor [h, w], inside where 1 (when resized: from 1/2 on)
---@return semisam.tensor logits [objects, height, width, 1] on this slice
function Session:add_mask(z, id, mask)
  check_slice(self, z)
  if not ss.is_tensor(mask) or mask.ndim ~= 2 or mask.count == 0 then
    bad("a mask must be a tensor [h,w]")
  end
  local row, mine = row_of(self, id), self.prompts[id]
  local first, kind, reverse = role_of(self, z)
  return ss.no_grad(ss.scoped, function()
    local out = step.run_mask(self, z, step.mask(self, mask), { first = first,
      reverse = reverse, row = row })
    draft(self, z, id, kind, step.entry(self, out))
    mine.points[z], mine.masks[z] = nil, true
    return step.show(self, z, kind)
  end)
end

-- First, last and direction of a pass; nil when it is empty.
local function range(self, o)
  local start = o.start
  if start == nil then
    start = math.huge
    for _, z in ipairs(self.bank.order) do start = math.min(start, z) end
  end
  check_slice(self, start)
  local most = o.max or self.count
  if math.type(most) ~= "integer" or most < 0 then bad("max must be a whole number >= 0") end
  if self.options.limit == "count" and o.max then most = most - 1 end
  if most < 0 then return nil end
  if not o.reverse then return start, math.min(start + most, self.count - 1), 1 end
  if start == 0 and not self.options.reverse_first then return nil end
  return start, math.max(start - most, 0), -1
end

-- One slice of a pass: the low-resolution logits.
local function visit(self, z, reverse, stop)
  local o, settled = self.options, self.settled
  local around = o.clear_non_cond_mem_around_input
    and (o.clear_non_cond_mem_for_multi_obj or #self.objects <= 1)
  local entry
  if settled.cond[z] or settled.noncond[z] then
    entry = self.bank[settled.cond[z] and "cond" or "noncond"][z]
    if around and settled.cond[z] then edit.clear_around(self, z) end
  else
    local out = step.run(self, z, { reverse = reverse, stop = stop })
    entry = step.entry(self, out)
    entry.memory = step.memory(self, z, out.high, out.score, false)
    self.bank:put("noncond", z, entry)
  end
  self.tracked[z] = reverse
  return step.at_size(self, entry.low)
end

---Track all objects: `for z, logits in session:propagate { reverse = true } do`. Slices with
---prompts give what was answered there. It starts at o.start (the first conditioning slice) and
---goes o.max slices far (to the end).
---@param o {start: integer?, max: integer?, reverse: boolean?}?
---@return fun(): integer?, semisam.tensor?
function Session:propagate(o)
  o = nn.options("propagate", o, { start = false, max = false, reverse = false }, 3)
  o = { start = o.start or nil, max = o.max or nil, reverse = o.reverse }
  ss.no_grad(ss.scoped, edit.settle, self)
  if #self.bank.order == 0 then bad("there are no prompts; add points or a mask first") end
  local start, stop, by = range(self, o)
  if self.options.one_direction then edit.forget_direction(self, not o.reverse) end
  local z, generation = start, self.generation
  return function()
    if not z or (stop - z) * by < 0 then return nil end
    if generation ~= self.generation then
      bad("the session was reset or lost an object during a pass")
    end
    local at = z
    z = z + by
    return at, ss.no_grad(ss.scoped, visit, self, at, o.reverse, stop)
  end
end

---Take back the prompts of an object on a slice.
---@param z integer slice
---@param id string|integer object
---@return semisam.tensor? logits [objects, height, width, 1] on this slice, nil without objects
function Session:clear_prompts(z, id)
  check_slice(self, z)
  row_of(self, id)
  edit.clear_prompts(self, z, id)
  return ss.no_grad(ss.scoped, function()
    local kind = "noncond"
    for _, one in ipairs(self.objects) do
      if self.drafts[one].cond[z] then kind = "cond" end
    end
    return step.show(self, z, kind)
  end)
end

---Forget an object everywhere; unknown ones are no error. Without objects the session starts anew.
---@param id string|integer
function Session:remove_object(id) edit.remove_object(self, id) end

---Forget objects, prompts and results. Encoded slices are kept.
function Session:reset()
  edit.clear_results(self)
  self.objects, self.prompts, self.drafts = {}, {}, {}
end

---Release all memory now (`local session <close> = video.new(..)` does it): results, and the slices
---unless they came from another session.
function Session:close()
  self:reset()
  if self.owns then self.slices:close() end
end
Session.__close = Session.close

return M
