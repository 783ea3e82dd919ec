-- models/sam_image2d.lua — between images of any size and the square input of SAM's networks, the
-- way SAM does it and the way MedSAM does it:
--   sam     longest side to S (bilinear, antialiased), ImageNet mean and deviation, zeros at the
--           end of the shorter side; logits are enlarged to S, cut and resized
--   medsam  to S x S (bicubic, antialiased), smallest and largest value to [0, 1]; the
--           probabilities of the low-resolution answer are resized
-- Images of integers are rounded to integers when they are resized, as there.
local ss = require "semisam"

local M = {}

local MEAN, STD = { 123.675, 116.28, 103.53 }, { 58.395, 57.12, 57.375 }

---Refuse an unknown way.
---@param way string
---@param level integer of the error
function M.check(way, level)
  if way ~= "sam" and way ~= "medsam" then
    error(('medsam2d: unknown preprocess %q, expected "sam" or "medsam"'):format(way), level)
  end
end

-- Bilinear (sam) or bicubic resize of [n, h, w, c] f32; integers stay integers, each axis rounded
-- by itself.
local function resized(x, h, w, mode, whole)
  local function step(y, size)
    if y:size(2) == size[1] and y:size(3) == size[2] then return y end
    y = y:resize(size, { mode = mode, antialias = true })
    return whole and (y + 0.5):floor():clamp(0, 255) or y
  end
  return step(step(x, { x:size(2), w }), { h, w })
end

-- Smallest and largest value of each image to 0 and 1.
local function to_unit(x)
  local dims = { dims = { 2, 3, 4 }, keepdim = true }
  local low = x:min(dims)
  return (x - low) / (x:max(dims) - low):clamp(1e-8, math.huge)
end

local function to_sam(x)
  local shape, on = { 1, 1, 1, 3 }, { device = x.device }
  return (x - ss.tensor(MEAN, on):reshape(shape)) / ss.tensor(STD, on):reshape(shape)
end

---The network's input of images.
---@param image tensor [n, h, w, c], c 1 or 3, values 0..255
---@param way string "sam" or "medsam"
---@param s integer side of the input
---@return tensor [n, s, s, 3] f32
---@return integer[] used { h, w } that the image takes of it
function M.input(image, way, s)
  local c = image:size(4)
  if image.ndim ~= 4 or c ~= 1 and c ~= 3 or image.count == 0 then
    error(("medsam2d: expected an image [h,w,1 or 3], got [%s]"):format(
      table.concat(image.shape, ",")), 3)
  end
  local used = { s, s }
  local x = ss.no_grad(ss.scoped, function()
    local whole, h, w = not image.dtype:find "f", image:size(2), image:size(3)
    if way == "sam" then
      local scale = s / math.max(h, w)
      used = { math.max(1, math.floor(h * scale + 0.5)), math.max(1, math.floor(w * scale + 0.5)) }
    end
    local mode = way == "sam" and "linear" or "cubic"
    local y = resized(image:to("f32"), used[1], used[2], mode, whole)
    if way == "medsam" then y = to_unit(y) end
    if c == 1 then y = ss.cat(y, y, y, { dim = 4 }) end
    if way == "medsam" then return y end
    return to_sam(y):pad { 0, 0, 0, s - used[2], 0, s - used[1] }
  end)
  return x, used
end

local KNOWN = { points = true, labels = true, box = true, mask = true }

local function check_prompt(prompt)
  for key in pairs(prompt) do
    if not KNOWN[key] then
      error(("decode: unknown prompt %q, expected points, labels, box or mask"):format(
        tostring(key)), 0)
    end
  end
  local points, labels = prompt.points or {}, prompt.labels or {}
  if #points ~= #labels then
    error(("decode: %d points but %d labels"):format(#points, #labels), 0)
  end
  for i, p in ipairs(points) do
    if type(p) ~= "table" or #p ~= 2 then
      error(("decode: point %d must be two numbers (x, y)"):format(i), 0)
    end
    if labels[i] ~= 0 and labels[i] ~= 1 then
      error(("decode: label %d must be 1 (inside) or 0 (outside), got %s"):format(i,
        tostring(labels[i])), 0)
    end
  end
  if prompt.box and #prompt.box ~= 4 then
    error("decode: a box must be four numbers (x0, y0, x1, y1)", 0)
  end
  if #points == 0 and not prompt.box and not prompt.mask then
    error("decode: a prompt needs points, a box or a mask", 0)
  end
end

---A prompt in pixels of the image as tensors in pixels of the input.
---@param prompt table see MedSam2d:decode
---@param code { size: integer[], used: integer[], pe: tensor }
---@param low integer side of a mask prompt
---@return table for decode_low
function M.prompt(prompt, code, low)
  check_prompt(prompt)
  local on = { device = code.pe.device }
  local scale = { code.used[2] / code.size[2], code.used[1] / code.size[1] } -- x, y
  local function places(numbers, shape)
    local list = {}
    for i, v in ipairs(numbers) do list[i] = v * scale[(i - 1) % 2 + 1] end
    return ss.tensor(list, on):reshape(shape)
  end
  local at = { box = prompt.box and places(prompt.box, { 1, 4 }) }
  if prompt.points and #prompt.points > 0 then
    local flat, k = {}, #prompt.points
    for _, p in ipairs(prompt.points) do flat[#flat + 1], flat[#flat + 2] = p[1], p[2] end
    at.points = places(flat, { 1, k, 2 })
    at.labels = ss.tensor(prompt.labels, on):reshape { 1, k }
  end
  if prompt.mask then
    if prompt.mask.count ~= low * low then
      error(("decode: mask must be logits [%d,%d], got [%s]"):format(low, low,
        table.concat(prompt.mask.shape, ",")), 0)
    end
    at.mask = prompt.mask:to("f32"):reshape { 1, low, low, 1 }
  end
  return at
end

---Probabilities at the size of the image.
---@param low tensor logits [p, 4g, 4g, m]
---@param code { size: integer[], used: integer[] }
---@param way string
---@param s integer side of the input
---@return tensor [p, h, w, m]
function M.output(low, code, way, s)
  if way == "medsam" then return low:sigmoid():resize(code.size) end
  local x = low:resize { s, s }
  return x:slice(2, 1, code.used[1]):slice(3, 1, code.used[2]):resize(code.size):sigmoid()
end

return M
