-- batches.lua — what step i sees. Everything random is named by (seed, draw, case), so batch i is
-- the same whoever asks for it, in whatever order, on however many loader threads.
local ss = require "semisam"
local augment = require "semisam.data.augment"
local rng = require "semisam.rng"
local sampler = require "semisam.data.sampler"

local batches = {}

local Batches = {}
Batches.__index = Batches

--- Batches over preprocessed cases.
---@param store table data/store.lua: get(case) -> image [d,h,w,c], label [d,h,w,1]?
---@param set table data/dataset.lua
---@param cfg table recipe
function batches.new(store, set, cfg)
  local self = setmetatable({ store = store, set = set, cfg = cfg }, Batches)
  local b = cfg.batch
  self.streams = {
    labelled = sampler.stream(#set.labelled, {
      seed = cfg.seed, purpose = "labelled", batch = b.labelled, drop_last = true,
    }),
  }
  if #set.unlabelled > 0 and b.unlabelled > 0 then
    self.streams.unlabelled = sampler.stream(#set.unlabelled, {
      seed = cfg.seed, purpose = "unlabelled", batch = b.unlabelled,
    })
  end
  self.geometry = {}
  if cfg.data.patch[1] then self.geometry[1] = augment.crop { size = cfg.data.patch } end
  table.move(cfg.weak, 1, #cfg.weak, 2, self.geometry)
  if not self.geometry[1] then table.remove(self.geometry, 1) end
  return self
end

--- Optimiser steps in an epoch: the labelled stream defines it, unless the recipe does.
function Batches:steps_per_epoch()
  local n = self.cfg.iters_per_epoch
  if n > 0 then return n end
  return math.max(1, self.streams.labelled:batches() // self.cfg.batch.accumulate)
end

--- What batch i of a stream holds, as data: { case, draw, geometry, strong } per sample. The
--- geometry is shared by the weak and the strong view and by the label.
---@param stream "labelled"|"unlabelled"
---@param i integer from 0
function Batches:plan(stream, i)
  local out = {}
  for k, at in ipairs(self.streams[stream]:at(i)) do
    local case = self.set[stream][at.index]
    local r = rng { seed = self.cfg.seed, epoch = at.draw, case = case.id, purpose = stream }
    local size = self.store:size(case)
    local geometry = augment.draw(self.geometry, r:fork("geometry"), size)
    local strong = augment.draw(self.cfg.strong, r:fork("strong"), geometry:size_after())
    out[k] = { case = case, draw = at.draw, geometry = geometry, strong = strong }
  end
  return out
end

local function stacked(parts)
  return #parts == 1 and parts[1] or ss.cat(parts, { dim = 1 })
end

--- Batch i of the labelled stream: { image = strong view [n,d,h,w,c], label = [n,d,h,w,1] }.
function Batches:labelled(i)
  return ss.no_grad(ss.scoped, function()
    local image, label = {}, {}
    for k, s in ipairs(self:plan("labelled", i)) do
      local views = self.store:views(s, true)
      image[k], label[k] = views.strong, views.label
    end
    return { image = stacked(image), label = stacked(label) }
  end)
end

--- Batch i of the unlabelled stream: { weak, strong, samples }; there is no label field.
function Batches:unlabelled(i)
  local samples = self:plan("unlabelled", i)
  local out = ss.no_grad(ss.scoped, function()
    local weak, strong = {}, {}
    for k, s in ipairs(samples) do
      local views = self.store:views(s, false)
      weak[k], strong[k] = views.weak, views.strong
    end
    return { weak = stacked(weak), strong = stacked(strong) }
  end)
  out.samples = samples
  return out
end

return batches
