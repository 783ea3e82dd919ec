-- guard.lua — a step whose loss or gradient is not finite does not happen. The weights stay as they
-- are; the step is repeated with every operation's result looked at, to say where it began.
local ss = require "semisam"
local fail = require "semisam.fail"
local module = require "semisam.nn.module"
local nn = require "semisam.nn"
local step = require "semisam.train.step"

local guard = {}

-- With a loss scale, so many steps in a row may be left out before the run stops.
guard.MOST_SKIPS = 25

local TERMS = { "sup", "con", "rs" }

-- The terms a step has, the known ones first.
local function names_of(terms)
  local out, seen = {}, {}
  for _, name in ipairs(TERMS) do
    if terms[name] then out[#out + 1], seen[name] = name, true end
  end
  local more = {}
  for name in pairs(terms) do
    if not seen[name] then more[#more + 1] = name end
  end
  table.sort(more)
  return table.move(more, 1, #more, #out + 1, out)
end

local function finite(v) return v == v and v ~= math.huge and v ~= -math.huge end

local function word(v) return v ~= v and "not a number" or "infinite" end

--- Reads the terms of a micro-batch into the row, as means over `of` micro-batches. Returns the
--- first that is not finite as { term, value }.
function guard.terms(terms, row, of)
  local bad
  for _, name in ipairs(names_of(terms)) do
    local v = terms[name]:item()
    row[name] = (row[name] or 0) + v / of
    if not finite(v) and not bad then bad = { term = name, value = v } end
  end
  return bad
end

--- Copies of the student's float buffers, which a forward pass writes; put them back with
--- restore().
function guard.buffers(run)
  local kept = {}
  for name, b in run.student:named_buffers() do
    kept[name] = ss.keep(ss.no_grad(function()
      return ss.empty(b.shape, { dtype = b.dtype, device = b.device }):copy_(b)
    end))
  end
  return kept
end

function guard.restore(run, kept)
  for name, b in run.student:named_buffers() do
    if kept[name] then ss.no_grad(function() b:copy_(kept[name]) end) end
  end
end

-- ---- finding the operation -------------------------------------------------------

-- Names of all modules of a run's networks, from the outside in.
local function module_names(run)
  local names = {}
  local function add(m, name)
    names[m] = name
    for _, entry in ipairs(m._entries) do
      if entry.kind == "module" then add(rawget(m, entry.name), name .. "." .. entry.name) end
    end
  end
  add(run.student, "student")
  add(run.teacher.net, "teacher")
  for i, g in ipairs(run.generalists) do
    if module.is_module(g.net) then add(g.net, "generalists." .. i) end
  end
  return names
end

-- Calls f with every result checked. Returns nil, or the sentence of the first that is not finite
-- and the innermost module it happened in.
local function checked(run, f)
  local names, stack = module_names(run), {}
  module.trace(function(m, call, ...)
    stack[#stack + 1] = names[m] or m.name
    local results = table.pack(call(...))
    stack[#stack] = nil
    return table.unpack(results, 1, results.n)
  end)
  ss.check_finite(true)
  local ok, why = pcall(ss.scoped, f)
  ss.check_finite(false)
  module.trace(nil)
  if ok then return nil end
  return tostring(why):gsub("^%S+%.lua:%d+: ", ""), stack[#stack]
end

-- Repeats a micro-batch: first all terms forward, then the gradient of each term by itself.
local function replay(run, at)
  local function terms()
    nn.set_key(at.key)
    return step.terms(run, at.index, at.lambda, at.beta)
  end
  local names
  local why, where = checked(run, function() names = names_of((terms())) end)
  if why then return why, where, "forward" end
  for _, name in ipairs(names) do
    why, where = checked(run, function()
      local weight = name == "con" and at.lambda or name == "rs" and at.beta or 1
      run.optim:backward(terms()[name] * weight)
    end)
    if why then return why, where, ("gradient of the term \"%s\""):format(name) end
  end
end

--- Stops a run for a bad micro-batch `at` = { index, lambda, beta, key } with what was seen.
---@param run table
---@param at table
---@param bad table { term, value } or { gradient = value }
function guard.stop(run, at, bad)
  local n = run.numbers
  local what = bad.term and ("the loss term \"%s\" is %s"):format(bad.term, word(bad.value))
    or ("the gradient is %s"):format(word(bad.gradient))
  local kept = guard.buffers(run)
  local why, where, pass = replay(run, at)
  run.optim:skip()
  guard.restore(run, kept)
  local origin = "; no single operation made it: a sum over the network overflowed"
  if why then
    origin = ("; it began in %s (%s%s)"):format(why, pass, where and ", in " .. where or "")
  end
  local skips = n.skips > 1 and (", %d steps in a row"):format(n.skips) or ""
  fail.raise("failure", "step %d: %s%s%s. The weights were not changed by it; %s", n.step + 1, what,
    skips, origin, run.saved and ("the checkpoint of step %d is kept"):format(run.saved)
      or "there is no checkpoint yet")
end

--- Refuses to write weights that are not finite.
function guard.weights(run)
  for _, part in ipairs { { "student", run.student }, { "teacher", run.teacher.net },
    { "shadow", run.shadow.net } } do
    for name, p in part[2]:named_parameters() do
      local sum = ss.no_grad(ss.scoped, function() return ss.sum_squares(p):item() end)
      if not finite(sum) then
        fail.raise("failure", "step %d: %s.%s holds values that are not finite; no checkpoint of "
          .. "it is written%s", run.numbers.step, part[1], name, run.saved
          and (", that of step %d is kept"):format(run.saved) or "")
      end
    end
  end
end

return guard
