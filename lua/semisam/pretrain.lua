-- pretrain.lua — trains a small promptable generalist on phantoms of every shape but the study's
-- target, and keeps the result by its settings. It never sees the target family nor a study's
-- label.
local ss = require "semisam"
local augment = require "semisam.data.augment"
local caches = require "semisam.data.cache"
local config_show = require "semisam.config_show"
local fail = require "semisam.fail"
local log = require "semisam.train.log"
local losses = require "semisam.losses"
local models = require "semisam.models"
local nn = require "semisam.nn"
local optim = require "semisam.optim"
local prompts = require "semisam.prompts"
local rng = require "semisam.rng"
local schedules = require "semisam.schedules"
local simulate = require "semisam.simulate"
local system = require "semisam.system"

local pretrain = {}

-- The settings of phantom number i.
local function spec_of(cfg, i, changes)
  local spec = { index = i, seed = cfg.seed }
  for key, value in pairs(cfg.phantoms) do
    if key ~= "cases" then spec[key] = value end
  end
  for key, value in pairs(changes or {}) do spec[key] = value end
  return spec
end

-- Volumes with their objects, made once: { image [1,d,h,w,1], objects [1,d,h,w,1], n }.
local function pool_of(cfg)
  local pool = {}
  for i = 1, cfg.phantoms.cases do
    local p = ss.phantom(spec_of(cfg, i))
    local s = p.image.shape
    local shape = { 1, s[1], s[2], s[3], 1 }
    pool[i] = { image = ss.keep(p.image:reshape(shape)), n = #p.params.objects,
      objects = ss.keep(p.objects:reshape(shape)) }
  end
  return pool
end

-- A sample of step i: one object of one volume under a random pose, with a prompt for it.
local function sample(cfg, pool, r)
  for try = 1, 20 do
    local own = r:fork(try)
    local volume = pool[own:integer(1, #pool)]
    local s = volume.image.shape
    local pose = augment.draw(cfg.geometry, own:fork("pose"), { s[2], s[3], s[4] })
    local look = augment.draw(cfg.strong, own:fork("look"), pose:size_after())
    local object = volume.objects:eq(own:integer(1, volume.n)):to("f32")
    if not prompts.too_small(object) then
      local label = pose:apply(object, "label")
      local l = label.shape
      local prompt = simulate.prompt(label:reshape { l[2], l[3], l[4] }, own:fork("prompt"),
        cfg.prompt)
      return look:apply(pose:apply(volume.image)), label, prompt
    end
  end
  error("pretrain: no phantom has an object large enough to prompt for", 0)
end

local function step(cfg, net, opt, pool, i)
  local images, labels, asked = {}, {}, {}
  for k = 1, cfg.batch do
    local r = rng { seed = cfg.seed, epoch = i, case = k, purpose = "pretrain" }
    images[k], labels[k], asked[k] = ss.no_grad(sample, cfg, pool, r)
  end
  local x = net:prepare(ss.cat(images, { dim = 1 }))
  local logits = net:decode(net:encode(x), asked)
  local loss = losses.supervised(logits, ss.cat(labels, { dim = 1 }), { ce = 1, dice = 1 })
  opt:set_lr(cfg.lr * schedules.poly(i, cfg.steps, 0.9) * schedules.warm_up(i, 20))
  opt:backward(loss)
  opt:step()
  return loss:item()
end

--- Dice on phantoms of the family it never saw, prompted by one point and by a degraded mask.
---@return table {points, mask, prompt} means; prompt is the degraded mask's own Dice
function pretrain.unseen(cfg, net, n)
  local sums = { points = 0, mask = 0, prompt = 0 }
  for i = 1, n do
    ss.no_grad(ss.scoped, function()
      local p = ss.phantom(spec_of(cfg, 100000 + i, { family = "target", tilt = { -20, 20 } }))
      local s = p.image.shape
      local truth = p.label:to("f32")
      local x = net:prepare(p.image:reshape { 1, s[1], s[2], s[3], 1 })
      local r = rng { seed = cfg.seed, case = i, purpose = "unseen" }
      local bad = simulate.degraded(truth, r:fork("mask"), cfg.prompt)
      local points, labels = prompts.points(truth, r:fork("points"))
      local function dice(m)
        return 1 - losses.soft_dice(m:reshape { -1, 1 }, truth:reshape { -1, 1 }):item()
      end
      local function answer(prompt)
        return losses.above_half(net:decode(net:encode(x), prompt):sigmoid())
      end
      sums.points = sums.points + dice(answer { points = points, labels = labels })
      sums.mask = sums.mask + dice(answer {
        mask = prompts.mask_logits(bad:reshape { 1, s[1], s[2], s[3], 1 }) })
      sums.prompt = sums.prompt + dice(bad)
    end)
  end
  for key, value in pairs(sums) do sums[key] = value / n end
  return sums
end

--- Trains a generalist and returns it.
---@param cfg table recipes/pretrain_generalist.lua
---@param say fun(text: string)
function pretrain.fit(cfg, say)
  nn.seed(cfg.seed)
  local net = models.new(cfg.net)
  local opt = optim.adamw(net, { lr = cfg.lr, weight_decay = cfg.weight_decay })
  say(("making %d phantoms for the generalist"):format(cfg.phantoms.cases))
  local pool = ss.no_grad(pool_of, cfg)
  local mean, begun = nil, system.clock()
  for i = 0, cfg.steps - 1 do
    local loss = ss.scoped(step, cfg, net, opt, pool, i)
    if loss ~= loss then
      fail.raise("failure", "pretrain: the loss is not a number at step %d", i + 1)
    end
    mean = mean and 0.95 * mean + 0.05 * loss or loss
    if (i + 1) % cfg.every == 0 then
      local pace = (system.clock() - begun) / (i + 1)
      say(("generalist %d/%d  loss %.4f  %s left"):format(i + 1, cfg.steps, mean,
        log.duration(pace * (cfg.steps - i - 1))))
    end
  end
  for _, volume in ipairs(pool) do
    volume.image:release()
    volume.objects:release()
  end
  net:eval()
  local d = pretrain.unseen(cfg, net, cfg.check)
  say(("generalist on a shape it never saw: Dice %.3f from one point, %.3f from a mask of %.3f")
    :format(d.points, d.mask, d.prompt))
  return net, d
end

--- Writes a generalist as safetensors.
function pretrain.save(net, path, facts)
  local all = {}
  for name, tensor in pairs(net:state()) do
    if type(name) == "string" then all[name] = tensor end
  end
  ss.safetensors_write(path, all, { semisam = ss.json.encode(facts) })
end

-- Names the settings that make the weights, wherever the recipe's file lies and the result goes.
local function key_of(cfg)
  local made = {}
  for key, value in pairs(cfg) do made[key] = value end
  made.run, made.out, made.every = nil, nil, nil
  return ss.hash(config_show.show(made)):sub(1, 16)
end

--- Path of the generalist of a recipe; trained now if these settings were never trained before.
---@param cfg table
---@param root string cache folder
---@param quiet boolean?
function pretrain.cached(cfg, root, quiet)
  local path = ("%s/generalist-%s.safetensors"):format(root, key_of(cfg))
  if system.kind(path) == "file" then return path end
  local _ <close> = caches.alone(path)
  if system.kind(path) == "file" then return path end
  local net, dice = pretrain.fit(cfg, quiet and function() end or print)
  pretrain.save(net, path, { format = 1, net = models.facts(cfg.net), dice = dice })
  return path
end

return pretrain
