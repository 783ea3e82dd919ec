-- nn/module.lua — what every network is made of: an object with parameters, buffers and
-- sub-modules, found under the dotted names of the official checkpoints.
--
-- Order is order of registration (own tensors first, then sub-modules), so it is the same in
-- every process. Calling a module is a scope: handles made in `forward` die with the call,
-- except those it returns.
local ss = require "semisam"
local state = require "semisam.nn.state"

local Module = { state = state.state, load_state = state.load_state, device = state.device }

local DTYPES = { f32 = true, f16 = true, bf16 = true }

local function is_module(v)
  return type(v) == "table" and rawget(v, "_entries") ~= nil
end

local tracer

-- The results of a call in the type the module promises.
local function promised(result, first, ...)
  if ss.is_tensor(first) and first.dtype ~= result then first = first:to(result) end
  return first, ...
end

local function call(self, ...)
  local result = rawget(self, "result")
  if not result then return ss.scoped(self.forward, self, ...) end
  return ss.scoped(function(...) return promised(result, self.forward(self, ...)) end, ...)
end

---While set, f(module, call, module, ...) is run in place of every module's call; it has to return
---what call(module, ...) does. For finding out where something happens. nil ends it.
---@param f function?
local function trace(f) tracer = f end

---Define a kind of module. `init(self, ...)` registers; `forward(self, ...)` computes.
---The result is called to make one: `local Head = nn.module{ name = "head", init =, forward = }`.
---@param class { name: string, init: function, forward: function? }
---@return table
local function define(class)
  local meta = {
    __index = class,
    __call = function(self, ...)
      if tracer then return tracer(self, call, self, ...) end
      return call(self, ...)
    end,
    __newindex = function(self, key, value)
      if is_module(value) then
        local entries = rawget(self, "_entries")
        entries[#entries + 1] = { name = key, kind = "module" }
      end
      rawset(self, key, value)
    end,
    __tostring = Module.summary,
  }
  class.meta = meta
  return setmetatable(class, {
    __index = Module,
    __call = function(_, ...)
      local self = setmetatable({ _entries = {}, training = true }, meta)
      class.init(self, ...)
      return self
    end,
  })
end

---Register a trainable tensor.
---@param name string
---@param value tensor
---@return tensor
function Module:parameter(name, value)
  return self:register(name, value:requires_grad_(true), "parameter")
end

---Register a tensor that is saved but not trained.
---@param name string
---@param value tensor
---@return tensor
function Module:buffer(name, value)
  return self:register(name, value, "buffer")
end

function Module:register(name, value, kind)
  local entries = self._entries
  entries[#entries + 1] = { name = name, kind = kind }
  rawset(self, name, ss.keep(value))
  return value
end

local walk = state.walk

local function named(self, kind)
  local names, tensors = {}, {}
  walk(self, function(owner, entry, full)
    if entry.kind == kind then
      names[#names + 1], tensors[#tensors + 1] = full, rawget(owner, entry.name)
    end
  end, "")
  local i = 0
  return function()
    i = i + 1
    return names[i], tensors[i]
  end
end

---`for name, tensor in m:named_parameters() do`, in the fixed order.
---@return fun(): string?, tensor?
function Module:named_parameters() return named(self, "parameter") end

---`for name, tensor in m:named_buffers() do`.
---@return fun(): string?, tensor?
function Module:named_buffers() return named(self, "buffer") end

---All parameters as a list.
---@return tensor[]
function Module:parameters()
  local list = {}
  for _, p in self:named_parameters() do list[#list + 1] = p end
  return list
end

---The direct sub-modules, in order.
---@return table[]
function Module:children()
  local list = {}
  for _, entry in ipairs(self._entries) do
    if entry.kind == "module" then list[#list + 1] = rawget(self, entry.name) end
  end
  return list
end

---Call `visit(module)` for self and everything below.
---@param visit fun(m: table)
---@return table self
function Module:apply(visit)
  visit(self)
  for _, child in ipairs(self:children()) do child:apply(visit) end
  return self
end

---Number of elements: all parameters, and those that are trained.
---@return integer all
---@return integer trainable
function Module:count()
  local all, trainable = 0, 0
  for _, p in self:named_parameters() do
    all = all + p.count
    if p.requires_grad then trainable = trainable + p.count end
  end
  return all, trainable
end

---Training mode (dropout, batch statistics) on or off, for everything below.
---@param on boolean? true
---@return table self
function Module:train(on)
  return self:apply(function(m) rawset(m, "training", on ~= false) end)
end

---Evaluation mode.
---@return table self
function Module:eval() return self:train(false) end

-- Exchange the tensor of an entry; what was cast from the old one is forgotten.
local function replace(owner, entry, value)
  rawset(owner, entry.name, ss.keep(value))
end

---Compute in another element type ("bf16", "f16", "f32": parameters stay as they are, f32
---masters are cast when used) or move to a device. Moving makes new tensors: optimisers and
---averages are made after it.
---@param where string
---@return table self
function Module:to(where)
  if DTYPES[where] then
    return self:apply(function(m)
      rawset(m, "compute", where ~= "f32" and where or nil)
    end)
  end
  walk(self, function(owner, entry)
    local old = rawget(owner, entry.name)
    local new = old:detach():to(where)
    if old.requires_grad then new:requires_grad_(true) end
    if entry.frozen then new:freeze_() end
    replace(owner, entry, new)
  end, "")
  return self
end

---Hand out results in this element type whatever the module computes in, so that losses after a
---bf16 network are f32.
---@param dtype string
---@return table self
function Module:returns(dtype)
  if not DTYPES[dtype] then
    error(("returns: expected f32, f16 or bf16, got %s"):format(tostring(dtype)), 2)
  end
  rawset(self, "result", dtype)
  return self
end

---Stop training the parameters whose name matches the Lua pattern (default: all). They need no
---gradient and no optimiser state, and their packed copies are kept between calls.
---@param pattern string?
---@return table self
function Module:freeze(pattern)
  walk(self, function(owner, entry, full)
    if entry.kind == "parameter" and (not pattern or full:find(pattern)) then
      local p = rawget(owner, entry.name)
      p:requires_grad_(false)
      p:freeze_()
      entry.frozen = true
    end
  end, "")
  return self
end

---Train them (again).
---@param pattern string?
---@return table self
function Module:unfreeze(pattern)
  walk(self, function(owner, entry, full)
    if entry.kind == "parameter" and (not pattern or full:find(pattern)) then
      rawget(owner, entry.name):freeze_(false):requires_grad_(true)
      entry.frozen = nil
    end
  end, "")
  return self
end

---x in the module's compute type: the layers do this to their input and compute in its type.
---@param x tensor
---@return tensor
function Module:cast(x)
  local compute = rawget(self, "compute")
  return compute and x.dtype ~= compute and x:to(compute) or x
end

---A second module of the same structure. Parameters and buffers are copied, without gradient;
---frozen parameters are shared unless `all`.
---@param all boolean?
---@return table
function Module:clone(all)
  local copy = setmetatable({}, getmetatable(self))
  for key, value in pairs(self) do
    if key ~= "_entries" and not is_module(value) then
      rawset(copy, key, value)
    end
  end
  local entries = {}
  for i, entry in ipairs(self._entries) do
    entries[i] = { name = entry.name, kind = entry.kind, frozen = entry.frozen }
    local value = rawget(self, entry.name)
    if entry.kind == "module" then
      rawset(copy, entry.name, value:clone(all))
    elseif all or not entry.frozen then
      local fresh = ss.no_grad(function()
        return ss.empty(value.shape, { dtype = value.dtype, device = value.device }):copy_(value)
      end)
      rawset(copy, entry.name, ss.keep(fresh))
      entries[i].frozen = nil
    end
  end
  rawset(copy, "_entries", entries)
  return copy
end

---Forget all gradients.
function Module:zero_grad()
  for _, p in self:named_parameters() do p:zero_grad() end
end

---A few lines: kind, sizes, mode, and the direct sub-modules.
---@return string
function Module:summary()
  local all, trainable = self:count()
  local lines = { ("%s: %d parameters, %d trained, %s, %s"):format(self.name, all, trainable,
    rawget(self, "compute") or "f32", self.training and "training" or "evaluation") }
  for _, entry in ipairs(self._entries) do
    local value = rawget(self, entry.name)
    if #lines > 24 then
      lines[#lines + 1] = "  ..."
      break
    elseif entry.kind == "module" then
      lines[#lines + 1] = ("  %s: %s, %d"):format(entry.name, value.name, (value:count()))
    else
      lines[#lines + 1] = ("  %s: %s %s"):format(entry.name, entry.kind, state.shape_text(value))
    end
  end
  return table.concat(lines, "\n")
end

return { define = define, is_module = is_module, trace = trace }
