-- One case of an op test: from the description to tensors, and from tensors to numbers.
local ss = require "semisam"
local ref = require "tests.lib.ref"
local case = {}

---Seeds the values that descriptions such as "f32[2,3]" stand for.
function case.seed(n)
  math.randomseed(n, 7)
end

local function normal()
  local u, v = 1 - math.random(), math.random()
  return math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v)
end

-- Rounded to f32, so that the engine and the definition see the same number.
local function f32(x)
  return (string.unpack("f", string.pack("f", x)))
end

local function value(dtype)
  if dtype == "bool" then return math.random(0, 1) end
  if dtype:find "^[fb]" then return f32(normal()) end
  return math.random(0, 9)
end

---A tensor argument of a case: {dtype, shape, values}.
---@param spec string|table "f32[2,3]", or {shape=, dtype=, fill=}
function case.array(spec)
  if type(spec) == "string" then
    local dtype, dims = spec:match "^(%w+)%[(.*)%]$"
    assert(dtype, "not a tensor description: " .. spec)
    local shape = {}
    for n in dims:gmatch "%d+" do shape[#shape + 1] = tonumber(n) end
    spec = { dtype = dtype, shape = shape }
  end
  local dtype = spec.dtype or "f32"
  local a = ref.new(spec.shape, function(i)
    local v = spec.fill and spec.fill(i) or nil
    if v == nil then v = value(dtype) end
    if type(v) == "boolean" then v = v and 1 or 0 end
    return dtype:find "^f" and f32(v) or v
  end)
  a.dtype = dtype
  return a
end

local pack = { f32 = "<f", i64 = "<i8", i32 = "<i4", u8 = "B", bool = "B" }

---Tensor of an array; f16 and bf16 by rounding an f32 one.
function case.tensor(a, dtype)
  dtype = dtype or a.dtype
  local as = pack[dtype] and dtype or "f32"
  local out, integer = {}, as ~= "f32"
  for i = 1, #a do out[i] = string.pack(pack[as], integer and math.tointeger(a[i]) or a[i]) end
  local t = ss.frombytes(table.concat(out), as, a.shape)
  return as == dtype and t or t:to(dtype)
end

---Array of a tensor.
function case.read(t)
  local a = t:flat()
  for i = 1, #a do
    if type(a[i]) == "boolean" then a[i] = a[i] and 1 or 0 end
  end
  a.shape, a.dtype = t.shape, t.dtype
  return a
end

local function default(p)
  local d = p.default
  if d == nil then return nil end
  if p.kind == "bool" then return d == "true" end
  return tonumber(d) or d
end

---Arguments of a case by name: arrays for tensors, defaults filled in.
function case.arguments(op, c)
  local a = {}
  for _, p in ipairs(op.params) do
    local given = c[p.name]
    if p.kind ~= "tensor" then
      if given == nil then given = default(p) end
      a[p.name] = given
    elseif p.variadic then
      a[p.name] = {}
      for i, spec in ipairs(given) do a[p.name][i] = case.array(spec) end
    elseif given ~= nil then
      a[p.name] = case.array(given)
    end
  end
  for k in pairs(c) do
    assert(a[k] ~= nil, ("case names '%s', which %s does not take"):format(k, op.name))
  end
  return a
end

---Calls the op with tensors `x` by name (see case.tensors) and the other arguments of `a`.
function case.call(op, a, x)
  local args, n, options = {}, 0, {}
  for i, p in ipairs(op.params) do
    if p.kind == "tensor" then
      args[i], n = x[p.name], i
    elseif a[p.name] ~= nil and not (p.default and tostring(a[p.name]) == p.default) then
      options[p.name] = a[p.name]
    end
  end
  if next(options) then
    n = n + 1
    args[n] = options
  end
  return table.pack(ss._ops[op.name](table.unpack(args, 1, n)))
end

---Tensors of the arguments, each passed through `change(tensor, param)` if given.
function case.tensors(op, a, change)
  local x = {}
  change = change or function(t) return t end
  for _, p in ipairs(op.params) do
    local v = a[p.name]
    if p.kind == "tensor" and v then
      if p.variadic then
        x[p.name] = {}
        for i, one in ipairs(v) do x[p.name][i] = change(case.tensor(one), p) end
      else
        x[p.name] = change(case.tensor(v), p)
      end
    end
  end
  return x
end

---Results of the definition as a list of arrays.
function case.define(spec, a)
  local outs = table.pack(spec.def(a))
  for i = 1, outs.n do assert(type(outs[i]) == "table" and outs[i].shape, "def must return arrays") end
  return outs
end

return case
