-- The checks every op goes through; tests/ops.lua runs them.
local ss = require "semisam"
local case = require "tests.lib.opcase"

local checks = { per_case = {} }

-- ---- comparing ---------------------------------------------------------------------------

local function shape_text(s)
  return "[" .. table.concat(s, ",") .. "]"
end

local function compare(got, want, tol, label)
  assert(shape_text(got.shape) == shape_text(want.shape),
    ("%s: shape %s, want %s"):format(label, shape_text(got.shape), shape_text(want.shape)))
  local scale = 0
  for i = 1, #want do
    local m = math.abs(want[i])
    if m == m and m < math.huge and m > scale then scale = m end
  end
  local limit = tol * math.max(scale, 1e-6)
  for i = 1, #want do
    local g, w = got[i], want[i]
    local same = g == w or (g ~= g and w ~= w) or math.abs(g - w) <= limit
    if not same then
      error(("%s: element %d is %.9g, want %.9g (limit %.3g, scale %.3g)")
        :format(label, i, g, w, limit, scale), 0)
    end
  end
end

-- Results of a call as arrays: its outputs, or for an in-place op the tensors it writes.
local function results(op, spec, outs, x)
  local list = {}
  if op.inplace then
    for i, name in ipairs(spec.writes or { op.params[1].name }) do list[i] = case.read(x[name]) end
  else
    for i = 1, op.nout do list[i] = case.read(outs[i]) end
  end
  return list
end

local function tolerance(spec)
  return spec.tol or 1e-5
end

local function against_definition(op, spec, c, change, tol, reread)
  local a = case.arguments(op, c)
  local x = case.tensors(op, a, change)
  if reread then -- the inputs were rounded on the way: the definition gets what the op got
    for name, t in pairs(x) do
      if ss.is_tensor(t) then
        a[name] = case.read(t)
      else
        for i = 1, #t do a[name][i] = case.read(t[i]) end
      end
    end
  end
  local want = case.define(spec, a)
  local got = results(op, spec, case.call(op, a, x), x)
  assert(#got == #want, ("%d results, the definition gives %d"):format(#got, #want))
  for i = 1, #got do compare(got[i], want[i], tol, "result " .. i) end
end

local function add(name, applies, run)
  table.insert(checks.per_case, { name = name, applies = applies, run = run })
end

local function always() return true end

-- ---- values --------------------------------------------------------------------------------

add("values", always, function(op, spec, c)
  if spec.check then
    local a = case.arguments(op, c)
    local x = case.tensors(op, a)
    spec.check(results(op, spec, case.call(op, a, x), x), a)
  else
    against_definition(op, spec, c, nil, tolerance(spec))
  end
end)

local function has_def(op, spec) return spec.def and not op.inplace and op.params[1] ~= nil end

add("permuted input", has_def, function(op, spec, c)
  against_definition(op, spec, c, function(t)
    if t.ndim < 2 then return t end
    local back = {}
    for i = 1, t.ndim do back[i] = t.ndim + 1 - i end
    return t:permute(back):copy():permute(back)
  end, tolerance(spec))
end)

add("sliced input", has_def, function(op, spec, c)
  against_definition(op, spec, c, function(t)
    if t.ndim == 0 or t.count == 0 then return t end
    local twice = ss.stack(t, t, { dim = t.ndim + 1 }) -- [..., 2]: a stride of 2 on every axis
    return twice:select(t.ndim + 1, 1)
  end, tolerance(spec))
end)

local function float_inputs(op)
  local n = 0
  for _, p in ipairs(op.params) do
    if p.kind == "tensor" and p.class == "float" then n = n + 1 end
  end
  return n
end

for _, half in ipairs { { "bf16", 2e-2 }, { "f16", 4e-3 } } do
  add(half[1], function(op, spec)
    return has_def(op, spec) and float_inputs(op) > 0 and spec.half ~= false
  end, function(op, spec, c)
    against_definition(op, spec, c, function(t, p)
      return p.class == "float" and t.dtype == "f32" and t:to(half[1]) or t
    end, spec.half or half[2], true)
  end)
end

-- ---- gradients -----------------------------------------------------------------------------

local function grad_names(op, spec, a)
  local names = {}
  for _, p in ipairs(op.params) do
    local v = a[p.name]
    local float = p.kind == "tensor" and v and (p.variadic and v[1] or v).dtype == "f32"
    if float and (not spec.grad or table.concat(spec.grad, " "):find("%f[%w_]" .. p.name .. "%f[^%w_]")) then
      names[#names + 1] = p.name
    end
  end
  return names
end

-- Cases of integers alone have no gradient to check.
local function differentiable(op, spec, c)
  if not op.differentiable or not spec.def or spec.grad == false then return false end
  return #grad_names(op, spec, case.arguments(op, c)) > 0
end

-- Every array under a name: one, or each of a variadic argument.
local function each(v)
  return v.shape and { v } or v
end

local function gradients(op, a, names, weights)
  local x = case.tensors(op, a)
  for _, name in ipairs(names) do
    for _, t in ipairs(ss.is_tensor(x[name]) and { x[name] } or x[name]) do t:requires_grad_(true) end
  end
  local outs, loss = case.call(op, a, x), nil
  for k = 1, op.nout do
    if weights[k] and outs[k].requires_grad then
      local term = (outs[k] * case.tensor(weights[k])):sum()
      loss = loss and loss + term or term
    end
  end
  assert(loss, "no result carries a gradient")
  loss:backward()
  local g = {}
  for _, name in ipairs(names) do
    g[name] = {}
    for i, t in ipairs(ss.is_tensor(x[name]) and { x[name] } or x[name]) do
      g[name][i] = t.grad and case.read(t.grad) or nil
    end
  end
  return g
end

local function weighted(outs, weights)
  local s = 0
  for k, w in pairs(weights) do
    for i = 1, #w do s = s + w[i] * outs[k][i] end
  end
  return s
end

local function weights_for(op, spec, a)
  local outs, weights = case.define(spec, a), {}
  for k = 1, op.nout do
    if not spec.grad_outputs or spec.grad_outputs[k] then
      weights[k] = case.array { shape = outs[k].shape }
    end
  end
  return weights
end

add("gradient", differentiable, function(op, spec, c)
  local a = case.arguments(op, c)
  local names, weights = grad_names(op, spec, a), weights_for(op, spec, a)
  local got = gradients(op, a, names, weights)
  for _, name in ipairs(names) do
    for k, array in ipairs(each(a[name])) do
      local g = got[name][k]
      assert(g, ("no gradient reached '%s'"):format(name))
      for _ = 1, 2 do -- two random directions
        local d = case.array { shape = array.shape }
        local keep, h, along, size = {}, spec.step or 1e-5, 0, 0
        for i = 1, #array do
          keep[i] = array[i]
          along = along + g[i] * d[i]
          size = size + math.abs(g[i] * d[i])
          array[i] = keep[i] + h * d[i]
        end
        local up = weighted(case.define(spec, a), weights)
        for i = 1, #array do array[i] = keep[i] - h * d[i] end
        local down = weighted(case.define(spec, a), weights)
        for i = 1, #array do array[i] = keep[i] end
        local want = (up - down) / (2 * h)
        local limit = 20 * tolerance(spec) * math.max(size, 1e-3) + 1e-7
        assert(math.abs(along - want) <= limit, ("d/d%s along a direction is %.7g, want %.7g (limit %.2g)")
          :format(name, along, want, limit))
      end
    end
  end
end)

add("gradient twice", differentiable, function(op, spec, c)
  local a = case.arguments(op, c)
  local names, weights = grad_names(op, spec, a), weights_for(op, spec, a)
  local one, two = gradients(op, a, names, weights), gradients(op, a, names, weights)
  for _, name in ipairs(names) do
    for k in ipairs(one[name]) do compare(two[name][k], one[name][k], 0, "second gradient of " .. name) end
  end
end)

-- ---- threads, memory ---------------------------------------------------------------------------

add("threads", always, function(op, spec, c)
  local a = case.arguments(op, c)
  local n, by = ss.threads(), {}
  for t = 1, 2 do
    ss.threads(t)
    local x = case.tensors(op, a)
    by[t] = results(op, spec, case.call(op, a, x), x)
  end
  ss.threads(n)
  for i = 1, #by[1] do compare(by[2][i], by[1][i], spec.thread_tol or 0, "two threads, result " .. i) end
end)

-- Forward and backward with the n-th allocation failing, for every n until nothing fails.
add("allocation failures", function(_, _, _, i) return i == 1 end, function(op, spec, c)
  local a = case.arguments(op, c)
  for n = 1, 400 do
    local clean
    ss.scoped(function()
      local x = case.tensors(op, a)
      ss._debug { fail_alloc = n }
      local ok, err = pcall(function()
        local outs = case.call(op, a, x)
        return op.inplace or results(op, spec, outs, x)
      end)
      ss._debug { fail_alloc = 0 }
      clean = ok
      assert(ok or tostring(err):find "out of memory", "allocation " .. n .. " failed: " .. tostring(err))
    end)
    if clean then return end
  end
  error "still failing after 400 allocations"
end)

-- ---- errors ---------------------------------------------------------------------------------------

---An error entry: { {arguments}, pattern }.
function checks.error(op, e)
  local c, pattern = e[1], e[2]
  local ok, err = pcall(function()
    local plain, tensors = {}, {}
    for _, p in ipairs(op.params) do
      local v = c[p.name]
      if p.kind == "tensor" and v then
        if p.variadic then
          tensors[p.name] = {}
          for i, s in ipairs(v) do tensors[p.name][i] = case.tensor(case.array(s)) end
        else
          tensors[p.name] = case.tensor(case.array(v))
        end
      else
        plain[p.name] = v
      end
    end
    local outs = case.call(op, plain, tensors)
    -- A device tells what it found wrong with the contents of an input when results are read.
    if op.inplace then outs = { tensors[op.params[1].name] } end
    for i = 1, #outs do case.read(outs[i]) end
  end)
  assert(not ok, "no error")
  err = tostring(err)
  assert(err:find(pattern), ("message %q does not match %q"):format(err, pattern))
  assert(err:find(op.name, 1, true), ("message %q does not name the op"):format(err))
end

return checks
