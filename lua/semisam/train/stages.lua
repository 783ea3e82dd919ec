-- stages.lua — where the seconds of a step go. At any moment of a step one stage runs; one begun
-- inside another interrupts it, so that the stages of a step add up to the step. What a GPU still
-- has to do counts for the stage that reads a number back, unless there is a `wait`.
--
--   loader     batches: waiting for the loader threads, joining what they made
--   student    forward passes of what is trained     ema    forward passes and updates of averages
--   teacher    Algorithm 2: generalists, prompts, augmentations, cached labels
--   loss       everything else of the method's terms  backward  gradients
--   optimiser  update of the weights                  other     what is left of the step
local stages = {}

stages.NAMES = { "loader", "student", "ema", "teacher", "loss", "backward", "optimiser", "other" }

local Stages = {}
Stages.__index = Stages

--- Stages measured by a clock. If set, `wait()` is called before the clock is read at the end of a
--- stage, and `watch(name)` when the stage `name` ends or is interrupted.
---@param clock fun(): number seconds
function stages.new(clock)
  return setmetatable({ clock = clock, seconds = {}, watch = nil }, Stages)
end

-- Books the time since the last change to the stage that ran, and names the one that runs now.
local function change(self, name)
  if self.wait then self.wait() end
  local now = self.clock()
  local seconds = self.seconds
  seconds[self.now] = (seconds[self.now] or 0) + now - self.since
  if self.watch then
    self.watch(self.now)
    now = self.clock()
  end
  self.now, self.since = name, now
end

--- Begins a step: all seconds are 0 again, the stage is "other".
function Stages:start()
  self.seconds = {}
  for _, name in ipairs(stages.NAMES) do self.seconds[name] = 0.0 end
  self.now, self.since = "other", self.clock()
end

--- Ends a step; its seconds by stage.
---@return table<string, number>
function Stages:stop()
  change(self, nil)
  return self.seconds
end

local function back(self, before, ...)
  if self.now then change(self, before) end
  return ...
end

--- f(...) as a stage, its results returned. Outside of a step nothing is measured; an error ends
--- the step.
---@param name string one of stages.NAMES
---@param f function
function Stages:run(name, f, ...)
  local before = self.now
  if not before then return f(...) end
  change(self, name)
  return back(self, before, f(...))
end

--- From now on every call of this module is the stage `name`. Copies made of it later are, too.
---@param net table module
---@param name string
function Stages:follow(net, name)
  local forward = net.forward
  rawset(net, "forward", function(...) return self:run(name, forward, ...) end)
end

return stages
