-- optim.lua — optimisers: SGD (momentum, Nesterov) and AdamW, with parameter groups, gradient
-- clipping, accumulation over micro-batches and dynamic loss scaling.
--
--   local opt = optim.sgd(net, { lr = 0.01, momentum = 0.9, clip_norm = 12, accumulate = 2 })
--   opt:backward(loss)            -- scaled for accumulation and for f16
--   if opt:step() then ema:update() end
--
-- A parameter that received no gradient is left alone entirely (no weight decay either).
local ss = require "semisam"
local nn_cat = require("semisam.nn").cat
local check = require("semisam.nn.options").check

local Optimizer = {}
Optimizer.__index = Optimizer

-- What each method keeps per parameter, and its update of p by the gradient g.
local METHODS = {
  sgd = {
    slots = function(o) return o.momentum ~= 0 and { "momentum" } or {} end,
    update = function(o, p, g, s, lr, decay)
      ss.sgd_(p, g, s.momentum, { lr = lr, momentum = o.momentum, weight_decay = decay,
        nesterov = o.nesterov })
    end,
  },
  adamw = {
    slots = function() return { "mean", "square" } end,
    update = function(o, p, g, s, lr, decay)
      ss.adamw_(p, g, s.mean, s.square, { lr = lr, beta1 = o.betas[1], beta2 = o.betas[2],
        eps = o.eps, weight_decay = decay, step = s.steps })
    end,
  },
}

local SHARED = {
  groups = {},        -- { { pattern, lr =, weight_decay = }, ... }; the first match counts
  clip_norm = false,  -- largest total gradient norm, or false
  accumulate = 1,     -- micro-batches per step
  finite = false,     -- leave out a step whose gradient is not finite also without a loss scale
  loss_scale = false, -- true or { init =, growth =, backoff =, interval = } for f16
}

local SCALE = { init = 65536, growth = 2, backoff = 0.5, interval = 2000 }

local function with_shared(own)
  for key, value in pairs(SHARED) do own[key] = value end
  return own
end

local function group_of(groups, name)
  for _, g in ipairs(groups) do
    if name:find(g[1]) then return g end
  end
  return {}
end

-- One slot per trained parameter of the module, in its order.
local function slots_of(net, opts)
  local slots = {}
  for name, p in net:named_parameters() do
    if p.requires_grad then
      local g = group_of(opts.groups, name)
      slots[#slots + 1] = { name = name, p = p, steps = 0, lr_scale = (g.lr or opts.lr) / opts.lr,
        weight_decay = g.weight_decay or opts.weight_decay }
    end
  end
  return slots
end

local function new(kind, net, opts)
  if opts.lr <= 0 then error(("optim.%s: lr must be positive, got %s"):format(kind, opts.lr), 3) end
  local self = setmetatable({ kind = kind, opts = opts, lr = opts.lr, steps = 0, micro = 0,
    skipped = 0, slots = slots_of(net, opts) }, Optimizer)
  if #self.slots == 0 then
    error(("optim.%s: %s has no parameter that wants a gradient"):format(kind, net.name), 3)
  end
  if opts.loss_scale then
    local given = type(opts.loss_scale) == "table" and opts.loss_scale or nil
    self.scaling = check("optim: loss_scale", given, SCALE, 5)
    self.scale, self.good = self.scaling.init, 0
  end
  return self
end

---Stochastic gradient descent. Defaults: momentum 0, nesterov false, weight_decay 0.
---@param net table module; its parameters with requires_grad are trained
---@param opts table lr, momentum, nesterov, weight_decay, groups, clip_norm, accumulate, loss_scale
---@return table
local function sgd(net, opts)
  return new("sgd", net, check("optim.sgd", opts,
    with_shared { lr = 0.01, momentum = 0, nesterov = false, weight_decay = 0 }, 3))
end

---Adam with decoupled weight decay. Defaults: betas { 0.9, 0.999 }, eps 1e-8, weight_decay 0.01.
---@param net table
---@param opts table lr, betas, eps, weight_decay, groups, clip_norm, accumulate, loss_scale
---@return table
local function adamw(net, opts)
  return new("adamw", net, check("optim.adamw", opts,
    with_shared { lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 0.01 },
    3))
end

---Set the learning rate; groups keep their ratio to it.
---@param lr number
function Optimizer:set_lr(lr) self.lr = lr end

---Backward of one micro-batch: the loss is divided by `accumulate` and multiplied by the loss
---scale first.
---@param loss tensor 0-dim
function Optimizer:backward(loss)
  local factor = (self.scale or 1) / self.opts.accumulate
  ss.scoped(function()
    if factor ~= 1 then loss = loss * factor end
    loss:backward()
  end)
end

---Norm of all gradients together, without the loss scale. Reads one number back.
---@return number
function Optimizer:grad_norm()
  return ss.no_grad(ss.scoped, function()
    local squares = {}
    for _, slot in ipairs(self.slots) do
      local g = slot.p.grad
      squares[#squares + 1] = g and ss.sum_squares(g):reshape { 1 }
    end
    if #squares == 0 then return 0 end
    return math.sqrt(nn_cat(squares, 1):sum():item()) / (self.scale or 1)
  end)
end

-- After a step was skipped or taken: back-off and growth of the loss scale.
local function adapt_scale(self, finite)
  if not self.scaling then return end
  if not finite then
    self.scale, self.good = math.max(self.scale * self.scaling.backoff, 1), 0
    return
  end
  self.good = self.good + 1
  if self.good >= self.scaling.interval then
    self.scale, self.good = self.scale * self.scaling.growth, 0
  end
end

local function ensure_state(self, slot)
  for _, name in ipairs(METHODS[self.kind].slots(self.opts)) do
    if not slot[name] then
      slot[name] = ss.keep(ss.zeros(slot.p.shape, { device = slot.p.device }))
    end
  end
end

---Count a micro-batch; on every `accumulate`-th update the parameters and forget the gradients.
---Nothing is updated when a gradient is not finite and loss scaling or `finite` is on.
---@return boolean stepped
---@return { norm: number?, scale: number?, skipped: boolean } info
function Optimizer:step()
  self.micro = self.micro + 1
  if self.micro < self.opts.accumulate then return false, { skipped = false } end
  self.micro = 0
  local info = { skipped = false, scale = self.scale }
  local watched = self.scaling or self.opts.finite
  if self.opts.clip_norm or watched then info.norm = self:grad_norm() end
  local factor = 1 / (self.scale or 1)
  if watched then
    if not (info.norm == info.norm and info.norm < math.huge) then
      self:skip()
      info.skipped = true
      return false, info
    end
    adapt_scale(self, true)
  end
  local clip = self.opts.clip_norm
  if clip then factor = factor * math.min(1, clip / (info.norm + 1e-6)) end
  ss.no_grad(ss.scoped, function()
    local update = METHODS[self.kind].update
    for _, slot in ipairs(self.slots) do
      local g = slot.p.grad
      if g then
        ensure_state(self, slot)
        slot.steps = slot.steps + 1
        if factor ~= 1 then g = g:to("f32") * factor end -- two parameters may share one gradient
        update(self.opts, slot.p, g, slot, self.lr * slot.lr_scale, slot.weight_decay)
      end
    end
  end)
  self.steps = self.steps + 1
  self:zero_grad()
  return true, info
end

---Give up the step that is being accumulated: its gradients are forgotten, the loss scale backs
---off.
function Optimizer:skip()
  self.micro, self.skipped = 0, self.skipped + 1
  adapt_scale(self, false)
  self:zero_grad()
end

---Forget the gradients of all trained parameters.
function Optimizer:zero_grad()
  for _, slot in ipairs(self.slots) do slot.p:zero_grad() end
end

---Everything needed to go on exactly: `numbers` (plain data for JSON) and `tensors` by name. In
---the middle of an accumulation the gradients are part of it.
---@return { numbers: table, tensors: table<string, tensor> }
function Optimizer:state()
  local numbers = { kind = self.kind, lr = self.lr, steps = self.steps, micro = self.micro,
    skipped = self.skipped, scale = self.scale, good = self.good, per_parameter = {} }
  local tensors = {}
  for _, slot in ipairs(self.slots) do
    numbers.per_parameter[slot.name] = slot.steps
    for _, name in ipairs(METHODS[self.kind].slots(self.opts)) do
      tensors[name .. "." .. slot.name] = slot[name]
    end
    if self.micro > 0 and slot.p.grad then tensors["grad." .. slot.name] = slot.p.grad end
  end
  return { numbers = numbers, tensors = tensors }
end

local function refuse(self, state)
  local n = state.numbers
  if n.kind ~= self.kind then
    error(("optim: a state of %s cannot be loaded into %s"):format(tostring(n.kind), self.kind), 3)
  end
  for _, slot in ipairs(self.slots) do
    if n.per_parameter[slot.name] == nil then
      error(("optim: the state knows no parameter %s"):format(slot.name), 3)
    end
  end
end

---Continue from `state()`.
---@param state { numbers: table, tensors: table<string, tensor> }
function Optimizer:load_state(state)
  refuse(self, state)
  local n = state.numbers
  self.lr, self.steps, self.micro, self.skipped = n.lr, n.steps, n.micro, n.skipped
  if self.scaling then self.scale, self.good = n.scale or self.scale, n.good or 0 end
  for _, slot in ipairs(self.slots) do
    slot.steps = n.per_parameter[slot.name]
    for _, name in ipairs(METHODS[self.kind].slots(self.opts)) do
      local saved = state.tensors[name .. "." .. slot.name]
      slot[name] = saved and ss.no_grad(function()
        return ss.keep(ss.empty(slot.p.shape, { device = slot.p.device }):copy_(saved))
      end)
    end
    slot.p:zero_grad()
    local grad = state.tensors["grad." .. slot.name]
    if grad then slot.p:set_grad(grad) end
  end
end

return { sgd = sgd, adamw = adamw }
