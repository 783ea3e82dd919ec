-- infer.lua — a trained network on a whole volume: in one piece, or in overlapping windows whose
-- probabilities are averaged.
local ss = require "semisam"
local losses = require "semisam.losses"
local preprocess = require "semisam.data.preprocess"

local infer = {}

--- First voxels of the windows along an axis: ceil((size - window) / stride) + 1 of them, the last
--- shifted back to end with the volume.
---@return integer[] starts counted from 0
function infer.starts(size, window, stride)
  if size <= window then return { 0 } end
  local out = {}
  local n = math.ceil((size - window) / stride) + 1
  for i = 0, n - 1 do out[#out + 1] = math.min(i * stride, size - window) end
  return out
end

-- How much a window's voxel counts, along an axis of n: flat, a triangle, or a Gaussian of n / 8
-- (nnU-Net).
local profiles = {
  triangle = function(i, n) return math.min(i + 1, n - i) end,
  gauss = function(i, n) return math.exp(-0.5 * ((i - (n - 1) / 2) / (n / 8)) ^ 2) end,
}

--- The weights of a window's voxels [1, d, h, w, 1]; nil where all are equal.
---@param blend "flat"|"triangle"|"gauss"
---@param window integer[]
---@return semisam.tensor?
function infer.weights(blend, window)
  if blend == "flat" then return nil end
  local profile = profiles[blend]
    or error(("infer: blend is flat, triangle or gauss, got %s"):format(tostring(blend)), 2)
  local weights
  for axis = 1, 3 do
    local line, shape = {}, { 1, 1, 1, 1, 1 }
    for i = 0, window[axis] - 1 do line[i + 1] = profile(i, window[axis]) end
    shape[axis + 1] = window[axis]
    local along = ss.tensor(line):to("f32"):reshape(shape)
    weights = weights and weights * along or along
  end
  return weights
end

--- The options of `probabilities` that a recipe asks for.
---@param cfg table recipe
function infer.options(cfg)
  return { window = cfg.data.patch, overlap = cfg.infer.overlap, blend = cfg.infer.blend }
end

--- The part of a batch [n, d, h, w, c] from voxel `at` on, `window` voxels: a view.
function infer.cut(x, at, window)
  for i = 1, 3 do x = x:slice(i + 1, at[i] + 1, at[i] + window[i]) end
  return x
end

-- The window that holds a whole volume when its sides are no multiples of what the network needs;
-- nil when they are.
local function whole(net, size)
  local m, fits, window = net.multiple or 1, true, {}
  for i = 1, 3 do
    window[i] = (size[i] + m - 1) // m * m
    fits = fits and window[i] == size[i]
  end
  return not fits and window or nil
end

--- Foreground probabilities [1, d, h, w, f] of a preprocessed volume [1, d, h, w, c].
---   opts.window   voxels d, h, w of a window; empty: the whole volume at once
---   opts.overlap  part of a window that the next one shares, default 0.5
---   opts.blend    weight of a window's voxels: flat (default), triangle, gauss
---@param net table module
---@param x semisam.tensor
---@param opts? {window: integer[]?, overlap: number?, blend: string?}
function infer.probabilities(net, x, opts)
  return ss.no_grad(ss.scoped, function()
    local window = opts and opts.window
    local size = { x.shape[2], x.shape[3], x.shape[4] }
    if not window or not window[1] then
      window = whole(net, size)
      if not window then return losses.foreground(net(x)) end
    end
    local start, padded = {}, {}
    for i = 1, 3 do -- padded on both sides until a window fits
      padded[i] = math.max(size[i], window[i])
      start[i] = -((padded[i] - size[i]) // 2)
    end
    local full = preprocess.window(x, start, padded)
    local sides, at = { full.shape[2], full.shape[3], full.shape[4] }, {}
    for i = 1, 3 do
      local stride = math.max(1, math.floor(window[i] * (1 - (opts and opts.overlap or 0.5)) + 0.5))
      at[i] = infer.starts(sides[i], window[i], stride)
    end
    local weights, sum, count = infer.weights(opts and opts.blend or "flat", window), nil, nil
    for _, z in ipairs(at[1]) do
      for _, y in ipairs(at[2]) do
        for _, w in ipairs(at[3]) do
          local place = { z, y, w }
          local p = losses.foreground(net(infer.cut(full, place, window)))
          if weights then p = p * weights end
          local f = p.shape[5]
          sum = sum or ss.zeros { 1, sides[1], sides[2], sides[3], f }
          count = count or ss.zeros { 1, sides[1], sides[2], sides[3], 1 }
          infer.cut(sum, place, window):add_(p)
          infer.cut(count, place, window):add_(weights or ss.ones { 1 })
        end
      end
    end
    return preprocess.window(sum / count, { -start[1], -start[2], -start[3] }, size)
  end)
end

--- The labels of foreground probabilities: [.., f] to whole numbers [.., 1] as u8. One class: p >
--- 1/2. Several: the likeliest of background (what is left of 1) and the classes.
function infer.labels(p)
  local f = p.shape[#p.shape]
  if f == 1 then return p:gt(0.5):to("u8") end
  local background = 1 - p:sum { dims = { -1 }, keepdim = true }
  return ss.cat(background, p, { dim = -1 }):argmax { dim = -1, keepdim = true }:to("u8")
end

return infer
