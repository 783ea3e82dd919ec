-- batches.lua — what step i sees. Everything random is named by (seed, draw, case), so batch i is
-- the same whoever asks for it, in whatever order, on however many loader threads.
local ss = require "semisam"
local augment = require "semisam.data.augment"
local rng = require "semisam.rng"
local sampler = require "semisam.data.sampler"

local batches = {}

-- How many batches of a stream are made ahead of the one in use.
local AHEAD = 4

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
  self.ahead = {} -- per stream: { loader, next = index of the batch asked for next, plans }
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

-- Hands the samples of batch i to the stream's loader.
local function submit(self, stream, queue, i)
  local plan = { samples = self:plan(stream, i), direct = {} }
  ss.scoped(function()
    for k, sample in ipairs(plan.samples) do
      local job = self.store:job(sample, stream == "labelled")
      if job then queue.loader:submit(job) else plan.direct[k] = true end
    end
  end)
  queue.plans[i] = plan
end

-- Views of batch i, made by loader threads while earlier batches were in use. A jump to another
-- index (a resumed run, a new phase) starts the queue anew.
local function prefetched(self, stream, i)
  local queue = self.ahead[stream]
  if not queue or queue.next ~= i then
    if queue then queue.loader:close() end
    local loader = ss.loader { workers = self.cfg.data.workers }
    queue = { loader = loader, next = i, last = i - 1, plans = {} }
    self.ahead[stream] = queue
  end
  while queue.last < i + AHEAD do
    queue.last = queue.last + 1
    submit(self, stream, queue, queue.last)
  end
  queue.next = i + 1
  local plan, views = queue.plans[i], {}
  queue.plans[i] = nil
  for k, sample in ipairs(plan.samples) do
    views[k] = plan.direct[k] and self.store:views(sample, stream == "labelled")
      or queue.loader:next()
  end
  return views, plan.samples
end

-- Views of batch i of a stream and its samples, from loader threads or made here.
local function views_of(self, stream, i)
  if self.cfg.data.workers > 0 then return prefetched(self, stream, i) end
  local samples, views = self:plan(stream, i), {}
  for k, sample in ipairs(samples) do views[k] = self.store:views(sample, stream == "labelled") end
  return views, samples
end

-- One batch of the named views.
local function gather(self, stream, i, names)
  local samples
  local out = ss.no_grad(ss.scoped, function()
    local lists, views = {}
    views, samples = ss.on("cpu", views_of, self, stream, i)
    for to, from in pairs(names) do
      lists[to] = {}
      for k, view in ipairs(views) do lists[to][k] = view[from]:to(self.store.device) end
      lists[to] = stacked(lists[to])
    end
    return lists
  end)
  out.samples = samples
  return out
end

--- Batch i of the labelled stream: { image = strong view [n,d,h,w,c], weak, label = [n,d,h,w,1],
--- samples }.
function Batches:labelled(i)
  return gather(self, "labelled", i, { image = "strong", weak = "weak", label = "label" })
end

--- Batch i of the unlabelled stream: { weak, strong, samples }; there is no label field.
function Batches:unlabelled(i)
  return gather(self, "unlabelled", i, { weak = "weak", strong = "strong" })
end

--- Seconds spent waiting for the loader threads.
function Batches:waited()
  local sum = 0
  for _, queue in pairs(self.ahead) do sum = sum + queue.loader:waited() end
  return sum
end

--- Ends the loader threads.
function Batches:close()
  for stream, queue in pairs(self.ahead) do
    queue.loader:close()
    self.ahead[stream] = nil
  end
end

return batches
