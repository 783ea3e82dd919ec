-- models/medsam2_role.lua — MedSAM2 as a generalist (see models/role.lua): encode() runs the image
-- encoder over the slices of a volume, decode() follows prompts through them in both directions.
--
-- Clicks go on their own slices; slices with nothing but clicks outside are corrections, put in
-- after a first tracking. A mask prompt goes on the slice where it is largest: as a mask, or with
-- `mask_prompt = "box"` as its bounding box. With "first_k" the first slices are the memory,
-- whether they show the object or not, and everything is tracked from there.
local ss = require "semisam"
local nn = require "semisam.nn"
local role = require "semisam.models.role"
local prep = require "semisam.models.medsam2_prep"
local slices = require "semisam.models.medsam2_slices"
local video = require "semisam.models.medsam2_video"
local volume = require "semisam.models.medsam2_volume"

local M = {}

local ABSENT = -1024
local CODE_BYTES = 1 << 30 -- encodings of volumes that are kept between encode and decode

---Intensities to [0, 1], per volume.
function M:prepare(x) return require("semisam.models.prep").prepare(self.prep, x) end

-- Bytes [d, s, s, 1] of volume i.
local function bytes_of(net, x, i)
  local _, d, h, w = table.unpack(x.shape)
  local bytes = x:slice(1, i, i):scale_u8(0, 1):reshape { d, h, w, 1 }
  return prep.resize(bytes, net.config.image_size)
end

-- All slices encoded, by number from 0: plain tables of tensors, so that they live as long as the
-- caller wants them.
local function encodings(net, images)
  local list, count = {}, images:size(1)
  local at_once = slices.at_once(net)
  for first = 1, count, at_once do
    local some = slices.encode(net, images, first, math.min(first + at_once - 1, count))
    for i, code in ipairs(some) do
      list[first + i - 2] = code
      code.pe = list[0].pe -- the same for all
    end
  end
  return list
end

---Slices encoded for decode. When the encodings of all slices would need more than 1 GiB, decode
---makes them as it goes instead.
---@param x semisam.tensor [n, d, h, w, 1] in [0, 1], see prepare
---@return table
function M:encode(x)
  if x.ndim ~= 5 or x:size(5) ~= 1 then
    error(("medsam2: expected [n,d,h,w,1], got [%s]"):format(table.concat(x.shape, ",")), 2)
  end
  local n, d, h, w = table.unpack(x.shape)
  local whole = n * d * slices.code_bytes(self) <= CODE_BYTES
  return ss.no_grad(ss.scoped, function()
    local code = { n = n, size = { d, h, w }, volumes = {} }
    for i = 1, n do
      local images = bytes_of(self, x, i)
      code.volumes[i] = whole and { codes = encodings(self, images) } or { images = images }
    end
    return code
  end)
end

-- A prompt of role.each as one of medsam2_volume, nil when its mask is empty.
local function prompt_of(self, one, size)
  local prompt = { points = one.points, labels = one.labels, box = one.box }
  if not one.mask then return prompt end
  local mask = role.mask_on(one.mask, size):reshape(size)
  local largest, z = volume.largest_slice(mask)
  if not largest then return (one.points or one.box) and prompt or nil end
  if self.config.mask_prompt == "box" then
    local box = largest:reshape { 1, size[2], size[3] }:mask_box():totable()
    prompt.box, prompt.slice = { box[1][2], box[1][3], box[2][2], box[2][3] }, z
  else
    prompt.mask, prompt.slice = largest, z
  end
  return prompt
end

-- The mask's first slices as the memory that all others are tracked with.
local function first_slices(self, mask, depth)
  local plan = { first = {}, later = {}, low = 0, high = depth - 1 }
  for z = 0, math.min(self.config.num_maskmem - 1, depth) - 1 do
    plan.first[z + 1] = { z = z, mask = mask:select(1, z + 1):gt(0) }
  end
  return plan
end

-- What goes on which slice, nil when nothing does.
local function plan_of(self, one, size)
  if self.config.mask_prompt == "first_k" and one.mask and not one.points and not one.box then
    return first_slices(self, role.mask_on(one.mask, size):reshape(size), size[1])
  end
  local prompt = prompt_of(self, one, size)
  return prompt and volume.plan(prompt, size[1])
end

local function answer(self, code, i, one)
  local size, own = code.size, code.volumes[i]
  local plan = plan_of(self, one, size)
  if not plan then return ss.full({ 1, size[1], size[2], size[3], 1 }, ABSENT) end
  local source = own.images or slices.encoded(self, own.codes, size[1])
  local session <close> = video.new(self, source, { height = size[2], width = size[3] })
  local list = {}
  volume.follow(session, plan, { reset = true }, function(z, logits)
    list[z + 1] = logits:reshape { 1, 1, size[2], size[3], 1 }
  end)
  return nn.cat(list, 2)
end

---Logits of the prompted object at the resolution of the encoded volume; -1024 where it is absent.
---@param code table from encode
---@param prompts table see models/role.lua
---@return semisam.tensor [n, d, h, w, 1]
function M:decode(code, prompts)
  return ss.no_grad(ss.scoped, function()
    local list = {}
    for i, one in ipairs(role.each(prompts, code.n, true)) do
      list[i] = ss.scoped(answer, self, code, i, one)
    end
    return nn.cat(list, 1)
  end)
end

return M
