-- nn/state.lua — a network's tensors by name: out to a file, in from one.
local ss = require "semisam"

local M = {}

local ADOPTED = 1 << 16 -- bytes from which a window on a file is worth its pages
local LISTED = 8 -- names spelled out in an error before "and N more"

-- visit(owner, entry, full name) for every parameter and buffer below self.
function M.walk(self, visit, prefix)
  for _, entry in ipairs(self._entries) do
    if entry.kind ~= "module" then visit(self, entry, prefix .. entry.name) end
  end
  for _, entry in ipairs(self._entries) do
    if entry.kind == "module" then
      M.walk(rawget(self, entry.name), visit, prefix .. entry.name .. ".")
    end
  end
end

---All parameters and buffers: names in order in the list part, tensors under their names.
---The tensors are the module's own, not copies.
---@return table
function M.state(self)
  local state = {}
  M.walk(self, function(owner, entry, full)
    state[#state + 1] = full
    state[full] = rawget(owner, entry.name)
  end, "")
  return state
end

function M.shape_text(t)
  return ("%s[%s]"):format(t.dtype, table.concat(t.shape, ","))
end

local function same_shape(a, b)
  if a.ndim ~= b.ndim then return false end
  for i = 1, a.ndim do
    if a:size(i) ~= b:size(i) then return false end
  end
  return true
end

local function listed(title, items)
  if #items == 0 then return "" end
  local text = ("\n  %s (%d): %s"):format(title, #items,
    table.concat(items, ", ", 1, math.min(#items, LISTED)))
  return #items > LISTED and ("%s and %d more"):format(text, #items - LISTED) or text
end

-- The names in t (the tensors of a map, whatever else it holds) that `known` lacks, sorted.
local function extra_names(t, known)
  local extra = {}
  for name, value in pairs(t) do
    if type(name) == "string" and type(value) == "userdata" and not known[name] then
      extra[#extra + 1] = name
    end
  end
  table.sort(extra)
  return extra
end

---Copy tensors in by name. All names and shapes are compared first: on an error nothing has been
---loaded and every offending name is in the message.
---@param tensors table<string, tensor> e.g. from `state()` or a safetensors file
---@param opts { strict: boolean?, adopt: boolean? }? strict = false allows missing and extra names
--- (never shapes); adopt = true: windows on a file are taken over where that is possible, so that
--- nothing is copied, and whoever changes such a parameter gets a copy of the page
---@return { missing: string[], extra: string[] }
function M.load_state(self, tensors, opts)
  opts = opts or {}
  local strict = opts.strict ~= false
  local missing, wrong, known = {}, {}, {}
  M.walk(self, function(owner, entry, full)
    local own, new = rawget(owner, entry.name), tensors[full]
    known[full] = true
    if not new then
      missing[#missing + 1] = full
    elseif not same_shape(own, new) then
      wrong[#wrong + 1] = ("%s is %s, got %s"):format(full, M.shape_text(own), M.shape_text(new))
    end
  end, "")
  local extra = extra_names(tensors, known)
  if #wrong > 0 or strict and #missing + #extra > 0 then
    error(("load_state: the tensors do not fit %s%s%s%s"):format(self.name,
      listed("missing", missing), listed("not wanted", extra), listed("wrong shape", wrong)), 2)
  end
  local adopted
  ss.no_grad(function()
    M.walk(self, function(owner, entry, full)
      local own, new = rawget(owner, entry.name), tensors[full]
      if new and opts.adopt and new.bytes >= ADOPTED and ss._adopt(own, new) then
        adopted = true
      elseif new then
        own:copy_(new)
      end
    end, "")
  end)
  if adopted then ss.trim "cpu" end -- of what the parameters had before
  return { missing = missing, extra = extra }
end

---Where the module's tensors are: "cpu" for one without any.
---@return string
function M.device(self)
  local found = "cpu"
  M.walk(self, function(owner, entry) found = rawget(owner, entry.name).device end, "")
  return found
end

return M
