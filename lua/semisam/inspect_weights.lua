-- What `semisam inspect` tells about checkpoints.
local print_tensor = require "semisam.print"
local ss = require "semisam"
local weights = require "semisam.weights"

local M = {}

---Patterns of file names that are taken for checkpoints; what they are is told by their contents.
M.ENDINGS = { "%.safetensors$", "%.pth$", "%.pt$", "%.ckpt$", "%.bin$", "%.th$" }

local MOST = 400 -- tensors listed
local MOST_NOTES = 24
local WIDTH = 200 -- of a note

local function row(name, format, ...) print(("  %-12s %s"):format(name, format:format(...))) end

-- Bytes that a terminal would act on become "?".
local function plain(text)
  text = text:gsub("%c", "?")
  return #text > WIDTH and text:sub(1, WIDTH) .. "..." or text
end

local function shape(t) return "[" .. table.concat(t.shape, ", ") .. "]" end

local function totals(info)
  local numbers, bytes, types, order = 0, 0, {}, {}
  for _, t in ipairs(info) do
    numbers, bytes = numbers + t.count, bytes + t.bytes
    if not types[t.dtype] then
      types[t.dtype] = 0
      order[#order + 1] = t.dtype
    end
    types[t.dtype] = types[t.dtype] + t.count
  end
  table.sort(order, function(a, b) return types[a] > types[b] end)
  return numbers, bytes, order
end

-- Values that are not finite, counted; nil where the tensors cannot all be read.
local function nonfinite(path, o)
  local r = weights.read(path, { container = o.container, prefix = "", round = true })
  local out, total = {}, 0
  for _, name in ipairs(r.names) do
    local x = r.tensors[name]
    if x.dtype:find("f") and x.count > 0 then
      local s = ss._stats(x)
      local bad = s.nan + s.inf
      out[name], total = bad > 0 and bad or nil, total + bad
    end
  end
  return out, total
end

local function tensors(info, bad)
  for i, t in ipairs(info) do
    if i > MOST then
      print(("  ... %d more"):format(#info - MOST))
      break
    end
    print(("  %-56s %-9s %s%s"):format(plain(t.name), t.dtype, shape(t),
      bad[t.name] and ("  %d not finite"):format(bad[t.name]) or ""))
  end
end

-- What else the file holds: other dicts with tensors, numbers and texts.
local function beside(r)
  local others, more = {}, 0
  for _, c in ipairs(r.containers) do
    if c.path ~= r.container then
      if #others < 6 then
        others[#others + 1] = ("'%s' (%d)"):format(plain(c.path), c.tensors)
      else
        more = more + 1
      end
    end
  end
  if more > 0 then others[#others + 1] = ("and %d more"):format(more) end
  if #others > 0 then
    row("also holds", "%s; container=... lists one", table.concat(others, ", "))
  end
  for i, note in ipairs(r.notes) do
    if i > MOST_NOTES then
      row("", "... %d more numbers and texts", #r.notes - MOST_NOTES)
      break
    end
    row(plain(note.key), "%s", plain(note.value))
  end
end

-- The weights that would be taken; where the caller must choose, everything.
local function read_info(path, container)
  local ok, r = pcall(weights.read, path, { info = true, container = container,
    prefix = container and "" })
  if ok then return r end
  local whole = { info = true, container = "", prefix = "" }
  local found, all = pcall(weights.read, path, whole)
  if not found or container then error(r, 0) end -- as it came, with its exit status
  all.undecided = tostring(r):match "several networks" or "no weights of a network"
  return all
end

---Prints what a checkpoint holds; with o.data its values are read too.
---@param path string
---@param o { data: boolean?, container: string? }
function M.print(path, o)
  local r = read_info(path, o.container)
  local numbers, bytes, types = totals(r.info)
  print(path)
  row("kind", "%s, %d tensor%s, %d numbers, %s", r.format, #r.info, #r.info == 1 and "" or "s",
    numbers, print_tensor.bytes(bytes))
  if r.undecided then row("container", "%s: all are listed", r.undecided) end
  if r.container ~= "" then row("container", "%s", plain(r.container)) end
  if r.prefix ~= "" then row("prefix", "%s (taken off the names)", plain(r.prefix)) end
  if #types > 0 then row("types", "%s", table.concat(types, ", ")) end
  local bad = {}
  if o.data then
    local total
    bad, total = nonfinite(path, { container = r.container })
    if next(bad) and r.prefix ~= "" then
      local stripped = {}
      for name, n in pairs(bad) do stripped[name:sub(#r.prefix + 1)] = n end
      bad = stripped
    end
    row("values", total == 0 and "all finite" or "%d not finite", total)
  end
  beside(r)
  tensors(r.info, bad)
end

return M
