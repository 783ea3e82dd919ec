-- methods/views.lua — what several methods do to batches: noise, boxes, a second strong view, the
-- teacher's answer.
local ss = require "semisam"
local augment = require "semisam.data.augment"
local losses = require "semisam.losses"
local rng = require "semisam.rng"

local views = {}

--- A source of random numbers for micro-batch `index`.
function views.rng(run, index, purpose)
  return rng { seed = run.cfg.seed, epoch = index, purpose = purpose }
end

--- x plus Gaussian noise, clipped at two deviations (UA-MT: 0.1 and 0.2).
---@param x semisam.tensor
---@param std number
---@param key integer
function views.noisy(x, std, key)
  return x + ss.normal(x.shape, key, 0, std):clamp(-2 * std, 2 * std)
end

--- Runs f without a gradient; of an average's network, in the mode that the recipe asks for.
function views.teacher(run, average, x)
  average.net:train(run.cfg.ema.mode == "train")
  return ss.no_grad(ss.scoped, average.net, x)
end

--- All heads of the student on x, as its outputs() gives them.
function views.outputs(run, x)
  return run.stages:run("student", run.student.outputs, run.student, x)
end

--- Probabilities of all classes by an average.
function views.soft(run, average, x)
  return ss.no_grad(function() return losses.probabilities(views.teacher(run, average, x)) end)
end

--- Another strong view of an unlabelled batch: same geometry, intensities drawn anew.
---@param run table
---@param u table unlabelled batch
---@param name string
function views.strong(run, u, name)
  local parts = {}
  for k, s in ipairs(u.samples) do
    local r = rng { seed = run.cfg.seed, epoch = s.draw, case = s.case.id, purpose = name }
    local weak = u.weak:slice(1, k, k)
    local size = { weak.shape[2], weak.shape[3], weak.shape[4] }
    parts[k] = augment.draw(run.cfg.strong, r, size):apply(weak)
  end
  return #parts == 1 and parts[1] or ss.cat(parts, { dim = 1 })
end

-- 1 for the places lo .. hi - 1 of an axis of n, shaped to lie along `axis` of a volume.
local function span(n, lo, hi, axis)
  local i, shape = ss.arange(n):to("f32"), { 1, 1, 1, 1, 1 }
  shape[axis] = n
  return (i:ge(lo):to("f32") * i:lt(hi):to("f32")):reshape(shape)
end

--- A random box whose sides are `part` of the volume's: 1 inside, 0 outside, [1, d, h, w, 1].
---@param shape integer[] of a batch [n, d, h, w, c]
---@param part number
---@param r semisam.rng
function views.box(shape, part, r)
  local mask
  for axis = 2, 4 do
    local n = shape[axis]
    local side = math.max(1, math.min(n, math.floor(part * n + 0.5)))
    local at = r:integer(0, n - side)
    local line = span(n, at, at + side, axis)
    mask = mask and mask * line or line
  end
  return mask
end

--- a outside the box, b inside it.
function views.paste(a, b, box) return a + (b - a) * box end

--- CutMix with the batch moved on by one: returns a function that mixes any map of the batch. The
--- box holds `volume` (lowest, highest) of the volume and is skipped with probability 1 - p.
---@param shape integer[]
---@param o {p: number, volume: number[]}
---@param r semisam.rng
function views.cutmix(shape, o, r)
  local box
  if shape[1] > 1 and r:chance(o.p) then
    box = views.box(shape, r:number(o.volume[1], o.volume[2]) ^ (1 / 3), r)
  end
  return function(x)
    if not box then return x end
    return views.paste(x, x:roll(1, 1), box)
  end
end

--- Sets the dropout layers of a network to training, and nothing else.
function views.dropout(net, on)
  net:apply(function(m)
    if m.name == "dropout" then rawset(m, "training", on) end
  end)
end

--- A sentence if the student lacks the function a method asks for.
function views.lacks(cfg, what, why)
  local name = cfg.student[1]
  local class = require("semisam.models." .. name)
  if class[what] then return nil end
  return ("%s needs a student with %s (unet3d, vnet), and %s is none"):format(cfg.method[1], why,
    name)
end

return views
