-- watch.lua — a few fixed validation cases as the method sees them at a step: prediction, coarse
-- mask, and what Algorithm 2 makes of it. Truth is shown, never used.
local ss = require "semisam"
local augment = require "semisam.data.augment"
local infer = require "semisam.infer"
local losses = require "semisam.losses"
local maps = require "semisam.draw.maps"
local preprocess = require "semisam.data.preprocess"
local pseudo = require "semisam.pseudo"
local rng = require "semisam.rng"

local watch = {}

-- First voxel of a training window around the middle of a mask [1, d, h, w, 1]; the volume's own
-- middle when it is empty.
local function start_around(mask, size)
  local box, out = mask:reshape { mask.shape[2], mask.shape[3], mask.shape[4] }:mask_box(), {}
  box = box:totable()
  for i = 1, 3 do
    local whole = mask.shape[i + 1]
    local middle = (box[1][i] + box[2][i]) / 2
    if middle ~= middle then middle = whole / 2 end
    out[i] = math.floor(math.max(0, math.min(middle - size[i] / 2, whole - size[i])))
  end
  return out
end

-- The first foreground class of [1, d, h, w, f] as [d, h, w].
local function first(x)
  return x:slice(-1, 1, 1):reshape { x.shape[2], x.shape[3], x.shape[4] }
end

local function with_pseudo(run, out, case, image)
  local o = { u_th = run.u_th, augment = augment }
  for key, value in pairs(run.cfg.pseudo) do o[key] = o[key] or value end
  local coarse = losses.above_half(losses.foreground(run.teacher.net(image)))
  local r = rng { seed = run.cfg.seed, epoch = 0, case = case.id, purpose = "watch" }
  local label = pseudo.label(image, coarse, run.generalists, o, r)
  out.coarse = first(coarse):to("u8")
  out.mean, out.variance, out.confidence = first(label.mu), first(label.var), first(label.conf)
end

-- What draw/maps.lua shows of a case.
local function look(run, case)
  local image, truth = run.store:image(case), run.store:label(case)
  local size = run.cfg.data.patch
  if size[1] then
    local start = start_around(truth:gt(0):to("u8"), size)
    image = preprocess.window(image, start, size)
    truth = preprocess.window(truth, start, size)
  end
  local answer = infer.labels(infer.probabilities(run.shadow.net, image))
  local out = {
    name = case.id, note = ("step %d"):format(run.numbers.step),
    image = first(image:slice(-1, 1, 1)), truth = first(truth):eq(1):to("u8"),
    prediction = first(answer:to("f32")):eq(1):to("u8"),
  }
  if run.generalists[1] then with_pseudo(run, out, case, image) end
  return out
end

--- Pictures of the first `count` validation cases: { { name, png, views } }. `views` are the first
--- case's slice where the object is largest as small PNGs: image, truth, prediction.
---@param run table
---@param count integer
function watch.cases(run, count)
  local out = {}
  for i = 1, math.min(count, #run.set.val) do
    out[i] = ss.no_grad(ss.scoped, function()
      local case = look(run, run.set.val[i])
      local c <close> = maps.case(case)
      return { name = case.name, png = c:png(), views = i == 1 and maps.views(case) or nil }
    end)
  end
  return out
end

return watch
