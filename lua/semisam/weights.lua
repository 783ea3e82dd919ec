-- weights.lua — trained weights from files of any format into networks.
--
--   local w = weights.read("sam.pth")             -- w.tensors["encoder.weight"], w.summary
--   weights.load(net, "run/best.safetensors")     -- reads, strips what needs stripping, loads
--
-- A checkpoint often wraps its weights, {model = {...}, optimizer = {...}, epoch = 12}, and
-- DataParallel puts `module.` before every name. Both are found, and said in `summary`.
local fail = require "semisam.fail"
local fit = require "semisam.weights_fit"
local ss = require "semisam.core"

local weights = {}

-- Names of dicts with weights, the likeliest first.
local LIKELY = {
  "", "state_dict", "model_state_dict", "network_weights", "model", "net", "network",
  "model_state", "weights", "params", "module",
}
-- Dicts whose tensors are no weights.
local NOT_WEIGHTS = { "^optim", "optimi[sz]er", "^scheduler", "^lr_sched", "scaler", "^amp$", "rng",
  "^_metadata$" }
-- DataParallel and torch.compile put these before names.
local WRAPPERS = { "module.", "_orig_mod." }

local function rank(path)
  for i, name in ipairs(LIKELY) do
    if path == name then return i end
  end
  return #LIKELY + 1
end

local function is_weights(path)
  for part in (path .. "."):gmatch("([^.]*)%.") do
    for _, pattern in ipairs(NOT_WEIGHTS) do
      if part:lower():find(pattern) then return false end
    end
  end
  return true
end

local function join(path, name) return path == "" and name or path .. "." .. name end

-- "'model' (12 tensors), 'ema' (12)", the first few.
local function described(containers)
  local out = {}
  for i, c in ipairs(containers) do
    if i > 6 then
      out[i] = ("and %d more"):format(#containers - 6)
      break
    end
    out[i] = ("'%s' (%d tensor%s)"):format(c.path, c.tensors, c.tensors == 1 and "" or "s")
  end
  return table.concat(out, ", ")
end

-- The container with the weights. One that holds less than half as many tensors as the largest is
-- not it; among the others the likeliest name wins, and without one the caller must choose.
local function choose(path, containers)
  local able, most = {}, 0
  for _, c in ipairs(containers) do
    if is_weights(c.path) then
      able[#able + 1] = c
      most = math.max(most, c.tensors)
    end
  end
  local best, tie
  for _, c in ipairs(able) do
    if 2 * c.tensors >= most then
      if best and rank(c.path) == rank(best.path) then tie = true end
      if not best or rank(c.path) < rank(best.path) then best, tie = c, false end
    end
  end
  if not best then
    local held = #containers > 0 and "no weights, only " .. described(containers) or "no tensors"
    fail.data("%s: holds %s", path, held)
  end
  if tie then
    fail.data("%s: several networks are in it: %s; name one with container = (\"\" takes them all)",
      path, described(able))
  end
  return best.path
end

-- Indices and names of the tensors below `container`; with `whole`, those of the dicts in it too.
local function members(list, containers, container, whole)
  local out = {}
  for i, t in ipairs(list) do
    local path = containers[t.container].path
    if path == container then
      out[#out + 1] = { i = i, name = t.name, info = t }
    elseif whole then
      local full = join(path, t.name)
      if container == "" then
        out[#out + 1] = { i = i, name = full, info = t }
      elseif full:sub(1, #container + 1) == container .. "." then
        out[#out + 1] = { i = i, name = full:sub(#container + 2), info = t }
      end
    end
  end
  return out
end

local function strip(chosen, prefix)
  local kept = {}
  for _, m in ipairs(chosen) do
    if m.name:sub(1, #prefix) == prefix and #m.name > #prefix then
      kept[#kept + 1] = { i = m.i, name = m.name:sub(#prefix + 1), info = m.info }
    end
  end
  return kept
end

-- DataParallel's and torch.compile's prefixes, where all names have them.
local function strip_wrappers(chosen)
  local prefix, again = "", #chosen > 0
  while again do
    again = false
    for _, wrapper in ipairs(WRAPPERS) do
      local kept = strip(chosen, wrapper)
      if #kept == #chosen then chosen, prefix, again = kept, prefix .. wrapper, true end
    end
  end
  return chosen, prefix
end

-- What is taken from an open file: a list of {i, name, info}, container, prefix.
local function select(path, file, opts)
  local facts, list = file:facts(), file:list()
  local container = opts.container or choose(path, facts.containers)
  local chosen = members(list, facts.containers, container, opts.container ~= nil)
  if #chosen == 0 then
    fail.data("%s: no tensors in container '%s'; it holds %s", path, container,
      described(facts.containers))
  end
  local prefix
  if opts.prefix then
    prefix = opts.prefix
    local before = chosen
    chosen = strip(chosen, prefix)
    if #chosen == 0 then
      fail.data("%s: no tensor's name begins with '%s'; one is '%s'", path, prefix, before[1].name)
    end
  else
    chosen, prefix = strip_wrappers(chosen)
  end
  return chosen, container, prefix, facts
end

local OPTIONS = { container = "string", prefix = "string", crc = "boolean", map = "boolean",
  round = "boolean", info = "boolean" }

local function check(opts)
  for key, value in pairs(opts) do
    if not OPTIONS[key] then
      error(("weights.read: unknown option '%s'"):format(tostring(key)), 3)
    end
    if type(value) ~= OPTIONS[key] then
      error(("weights.read: option '%s' must be a %s, got %s"):format(key, OPTIONS[key],
        tostring(value)), 3)
    end
  end
end

-- "FILE: PyTorch zip, container 'model', prefix 'module.', 314 tensors"
function weights.sentence(path, r, count)
  local parts = { r.format }
  if r.container ~= "" then parts[#parts + 1] = ("container '%s'"):format(r.container) end
  if r.prefix ~= "" then parts[#parts + 1] = ("prefix '%s'"):format(r.prefix) end
  parts[#parts + 1] = ("%d tensor%s"):format(count, count == 1 and "" or "s")
  return path .. ": " .. table.concat(parts, ", ")
end

---@class semisam.weights.read_options
---@field container string?
---@field prefix string?
---@field crc boolean?
---@field map boolean?
---@field round boolean?
---@field info boolean?

---@class semisam.weights.load_options
---@field container string?
---@field prefix string?
---@field crc boolean?
---@field strict boolean?
---@field nonfinite boolean?
---@field into table?

---@class semisam.weights.content
---@field tensors table<string, semisam.tensor>
---@field names string[] in the order of the file
---@field container string
---@field prefix string
---@field format string
---@field summary string one line for people
---@field metadata table<string, string> numbers and texts beside the tensors, by dotted name
---@field notes table[] the same in order: {key, value}
---@field containers table[] all there are: {path, tensors}
---@field info table[] name, dtype, shape, count, bytes

---Reads the tensors of a checkpoint: PyTorch's two formats and safetensors, told apart by content.
---No code from the file is ever run.
---@param path string
---@param opts semisam.weights.read_options?
---  container: the dict to take, its keys joined by dots ("" takes all); found when not given.
---  prefix: only tensors whose names begin so, without it; `module.`, `_orig_mod.` when not given.
---  crc = false: files written without checksums. map = false: copy, where tensors else are windows
---  on the file, which nobody may shorten meanwhile. round = true: float64 is rounded to f32, which
---  else is an error where it changes a value. info = true: no tensors, only `info`.
---@return semisam.weights.content
function weights.read(path, opts)
  opts = opts or {}
  check(opts)
  local file <close> = ss._weights_open(path, { crc = opts.crc })
  local chosen, container, prefix, facts = select(path, file, opts)
  local r = { tensors = {}, names = {}, container = container, prefix = prefix,
    format = facts.format, metadata = {}, notes = facts.notes, containers = facts.containers,
    info = {} }
  for _, note in ipairs(facts.notes) do r.metadata[note.key] = note.value end
  r.summary = weights.sentence(path, r, #chosen)
  for k, m in ipairs(chosen) do
    if r.info[m.name] then fail.data("%s: two tensors are called '%s'", path, m.name) end
    m.info.name = m.name
    r.info[k], r.info[m.name], r.names[k] = m.info, true, m.name
  end
  for _, name in ipairs(r.names) do r.info[name] = nil end
  if opts.info then
    r.tensors = nil
    return r
  end
  for _, m in ipairs(chosen) do
    r.tensors[m.name] = file:tensor(m.i, { map = opts.map, round = opts.round })
  end
  return r
end

-- Names of float tensors with values that are not finite.
local function nonfinite(tensors)
  local bad = {}
  for name, x in pairs(tensors) do
    if x.dtype:find("f") and x.count > 0 then
      local s = ss._stats(x)
      ss._rest(x)
      if s.nan + s.inf > 0 then bad[#bad + 1] = ("%s (%d values)"):format(name, s.nan + s.inf) end
    end
  end
  table.sort(bad)
  return bad
end

---Loads a checkpoint into a network. Where the file holds more than the network (a whole model
---for its encoder), the tensors below the prefix that fits are taken.
---@param net table module; `into` loads a part of it instead
---@param path string
---@param opts semisam.weights.load_options?
---  strict = false: missing and extra names are no error (see module:load_state); nonfinite = true
---  allows values that are not numbers.
---@return table result summary, container, prefix, format, metadata, missing and extra names
function weights.load(net, path, opts)
  opts = opts or {}
  net = opts.into or net
  local r = weights.read(path, { container = opts.container, prefix = opts.prefix, crc = opts.crc,
    round = true })
  local tensors, inner = r.tensors, ""
  if not opts.prefix then tensors, inner = fit.select(net, r.tensors) end
  if not opts.nonfinite then
    local bad = nonfinite(tensors)
    if #bad > 0 then
      fail.data("%s: values that are not finite in %d tensor%s: %s; nonfinite = true loads them",
        path, #bad, #bad == 1 and "" or "s", table.concat(bad, ", ", 1, math.min(#bad, 5)))
    end
  end
  local ok, result = pcall(net.load_state, net, tensors, { strict = opts.strict, adopt = true })
  if not ok then fail.data("%s: %s", path, tostring(result)) end
  local count, all = 0, 0
  for _ in pairs(tensors) do count = count + 1 end
  for _, x in pairs(r.tensors) do
    all = all + 1
    x:release()
  end
  r.prefix = r.prefix .. inner
  result.summary = weights.sentence(path, r, count)
  if all > count then
    result.summary = ("%s, %d others left out"):format(result.summary, all - count)
  end
  if #result.missing > 0 then
    result.summary = ("%s, %d of the network kept"):format(result.summary, #result.missing)
  end
  if #result.extra > 0 then
    result.summary = ("%s, %d not wanted by it"):format(result.summary, #result.extra)
  end
  for _, key in ipairs { "container", "prefix", "format", "metadata" } do result[key] = r[key] end
  return result
end

return weights
