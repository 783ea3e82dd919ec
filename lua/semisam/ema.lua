-- ema.lua — an exponential moving average of a network: the teacher, and the model that is shipped.
--
-- `average.net` is a network of its own (call it as `average(x)`): trained parameters and buffers
-- are f32 copies without gradient, frozen ones are shared with the student and not averaged.
local ss = require "semisam"
local check = require("semisam.nn.options").check

local Ema = {}
Ema.__index = Ema
Ema.__call = function(self, ...) return self.net(...) end

local function is_float(t)
  return t.dtype == "f32" or t.dtype == "bf16" or t.dtype == "f16"
end

-- Pairs (own, source) by name for one of the named_* iterators.
local function pairs_of(net, source, method, want)
  local from, list = {}, {}
  for name, t in source[method](source) do from[name] = t end
  for name, own in net[method](net) do
    if want(from[name]) then list[#list + 1] = { name = name, own = own, from = from[name] } end
  end
  return list
end

---Average `net`.
---@param net table module
---@param opts { alpha: number?, warm: boolean?, buffers: boolean?, of: string? }?
---  alpha 0.99; warm: alpha = min(1 - 1/(step + 1), alpha), so that the first updates form the
---  plain mean; buffers (true): average float buffers too, copy others; of "trainable" or "all"
---@return table
local function new(net, opts)
  opts = check("ema.new", opts, { alpha = 0.99, warm = false, buffers = true, of = "trainable" },
    3)
  if not (opts.alpha >= 0 and opts.alpha <= 1) then
    error(("ema.new: alpha must be in [0, 1], got %s"):format(opts.alpha), 2)
  end
  local self = setmetatable({ opts = opts, steps = 0, frozen = false }, Ema)
  self.net = net:clone(opts.of == "all"):eval()
  self.parameters = pairs_of(self.net, net, "named_parameters",
    function(p) return opts.of == "all" or p.requires_grad end)
  self.buffers = opts.buffers
    and pairs_of(self.net, net, "named_buffers", function() return true end) or {}
  for _, p in self.net:named_parameters() do p:requires_grad_(false) end
  return self
end

---The weight the next update gives to the average.
---@return number
function Ema:alpha()
  if not self.opts.warm then return self.opts.alpha end
  return math.min(1 - 1 / (self.steps + 1), self.opts.alpha)
end

---average = alpha * average + (1 - alpha) * student. Call it after every optimiser step.
---@return boolean updated false once frozen
function Ema:update()
  if self.frozen then return false end
  local alpha = self:alpha()
  ss.no_grad(ss.scoped, function()
    for _, pair in ipairs(self.parameters) do ss.ema_(pair.own, pair.from, { alpha = alpha }) end
    for _, pair in ipairs(self.buffers) do
      if is_float(pair.own) then
        ss.ema_(pair.own, pair.from, { alpha = alpha })
      else
        pair.own:copy_(pair.from)
      end
    end
  end)
  self.steps = self.steps + 1
  return true
end

---From now on update() does nothing.
function Ema:freeze() self.frozen = true end

---The averaged tensors and the step count.
---@return { numbers: table, tensors: table<string, tensor> }
function Ema:state()
  local tensors = {}
  for _, pair in ipairs(self.parameters) do tensors[pair.name] = pair.own end
  for name, buffer in self.net:named_buffers() do tensors[name] = buffer end
  return { numbers = { steps = self.steps, frozen = self.frozen }, tensors = tensors }
end

---Continue from `state()`.
---@param state { numbers: table, tensors: table<string, tensor> }
function Ema:load_state(state)
  local own = self:state().tensors
  for name in pairs(own) do
    if not state.tensors[name] then
      error(("ema: the state lacks the tensor %s"):format(name), 2)
    end
  end
  self.net:load_state(state.tensors, { strict = false })
  self.steps, self.frozen = state.numbers.steps, state.numbers.frozen
end

return { new = new }
