-- store.lua — preprocessed cases, from the cache on disk and then from memory.
local ss = require "semisam"
local preprocess = require "semisam.data.preprocess"

local store = {}

local Store = {}
Store.__index = Store

--- A store over the settings of a recipe's `data`.
---@param opts table data settings; see preprocess.DEFAULTS
---@param cache? table made by data/cache.lua; nil keeps nothing on disk
---@param device? string where image() and label() put their tensors; "cpu" unless given
function store.new(opts, cache, device)
  return setmetatable({ opts = opts, cache = cache, held = {}, device = device or "cpu" }, Store)
end

--- { image = [d,h,w,c] f32, label = [d,h,w,1] u8 or nil, grid } of a case, on the cpu.
function Store:get(case)
  local held = self.held[case.id]
  if held then return held end
  held = ss.no_grad(ss.scoped, function()
    return ss.on("cpu", function()
      if not self.cache then return preprocess.case(case, self.opts) end
      return self.cache:case(case, self.opts)
    end)
  end)
  ss.keep(held.image)
  if held.label then ss.keep(held.label) end
  self.held[case.id] = held
  return held
end

--- Lets go of a case's memory.
function Store:forget(case) self.held[case.id] = nil end

--- Voxels d, h, w of a case after preprocessing.
function Store:size(case) return self:get(case).grid.size end

-- [d, h, w, c] as a batch of one.
local function batch(x) return x:reshape { 1, x.shape[1], x.shape[2], x.shape[3], x.shape[4] } end

--- The image as a batch of one [1, d, h, w, c], not augmented.
function Store:image(case) return batch(self:get(case).image):to(self.device) end

-- The label as it is stored, a batch of one.
local function label_of(self, case)
  local y = self:get(case).label
  if not y then error(("store: case \"%s\" (%s) has no label"):format(case.id, case.role), 3) end
  return batch(y)
end

--- The label as [1, d, h, w, 1] of f32. Cases without the right to one have none.
function Store:label(case) return label_of(self, case):to(self.device):to("f32") end

--- The views of a sample of train/batches.lua: weak = geometry, strong = geometry and intensity,
--- and for the labelled stream the label under the same geometry. Made on the cpu, as by a loader.
function Store:views(sample, labelled)
  return ss.on("cpu", function()
    local weak = sample.geometry:apply(batch(self:get(sample.case).image))
    local out = { weak = weak, strong = sample.strong:apply(weak) }
    if labelled then
      out.label = sample.geometry:apply(label_of(self, sample.case):to("f32"), "label")
    end
    return out
  end)
end

-- Appends list b to list a.
local function append(a, b) return table.move(b, 1, #b, #a + 1, a) end

--- The same views as a loader job; nil if a Lua function takes part in them.
function Store:job(sample, labelled)
  local weak, strong = sample.geometry:steps("weak"), sample.strong:steps("strong")
  local turned = labelled and sample.geometry:steps("label", "label")
  if not weak or not strong then return nil end
  local job = { input = { weak = batch(self:get(sample.case).image) }, steps = weak }
  job.output = { "weak", "strong" }
  -- `strong` starts where `weak` ends: its first call reads that, or a copy takes its place
  if strong[1] then
    local first = strong[1]
    if type(first[2]) == "table" then first[2][1] = "weak" else first[2] = "weak" end
    append(job.steps, strong)
  else
    job.steps[#job.steps + 1] = { "copy", "weak", {}, to = "strong" }
  end
  if labelled then
    job.input.label = label_of(self, sample.case)
    job.steps[#job.steps + 1] = { "cast", "label", { dtype = "f32" } }
    append(job.steps, turned)
    job.output[3] = "label"
  end
  return job
end

return store
