-- Completion at the prompt: a pure function of the line and the cursor.
--
-- Tables are read raw and metatables only followed where they are tables, so that no user code and
-- no lazy loading runs, except for the parts of the library that `ss` names.
local ss = require "semisam"
local system = require "semisam.system"

local complete = {}

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch("%a+") do
  keywords[#keywords + 1] = word
end

-- ---- values ----------------------------------------------------------------

local function methods_of(value)
  if type(value) == "string" then return string end
  local meta = debug.getmetatable(value)
  if type(meta) ~= "table" then return nil end
  if meta.__name == "semisam.tensor" then return ss._methods end
  local index = rawget(meta, "__index")
  return type(index) == "table" and index or nil
end

-- The value of `value.name` without running code; nil when unknown.
local function field(value, name)
  for _ = 1, 10 do
    if type(value) == "table" then
      local v = rawget(value, name)
      if v ~= nil then return v end
      if value == ss and ss._parts[name] then return select(2, pcall(require, ss._parts[name])) end
    end
    value = methods_of(value)
    if not value then return nil end
  end
end

local tensor_fields = { "shape", "ndim", "dtype", "device", "count", "bytes", "grad",
  "requires_grad" }

-- Adds the names that `value` answers to.
local function names(value, out, only_callable)
  if value == ss then
    for name in pairs(ss._parts) do out[name] = true end
  end
  if ss.is_tensor(value) and not only_callable then
    for _, name in ipairs(tensor_fields) do out[name] = true end
  end
  for _ = 1, 10 do
    if type(value) == "table" then
      for k, v in next, value do
        if type(k) == "string" and k:find("^[%a_][%w_]*$") and (not only_callable or
          type(v) == "function" or debug.getmetatable(v) ~= nil) then
          out[k] = true
        end
      end
    end
    value = methods_of(value)
    if not value then return end
  end
end

local function sorted(set, prefix)
  local list = {}
  for name in pairs(set) do
    -- Names with an underscore in front are shown when asked for.
    if name:sub(1, #prefix) == prefix and (prefix ~= "" or name:sub(1, 1) ~= "_") then
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

-- ---- the text before the cursor --------------------------------------------

-- Walks over the text: the quote that is open (or nil), where its contents start, and the open
-- brackets as { char, position }.
local function scan(text)
  local open, quote, start, i = {}, nil, nil, 1
  while i <= #text do
    local c = text:sub(i, i)
    if quote then
      if c == "\\" then
        i = i + 1
      elseif c == quote then
        quote = nil
      end
    elseif c == '"' or c == "'" then
      quote, start = c, i + 1
    elseif c == "-" and text:sub(i, i + 1) == "--" then
      return nil, nil, {}, true
    elseif c == "(" or c == "{" or c == "[" then
      open[#open + 1] = { c, i }
    elseif c == ")" or c == "}" or c == "]" then
      open[#open] = nil
    end
    i = i + 1
  end
  return quote, start, open
end

local function files(prefix)
  local folder, name = prefix:match("^(.*/)([^/]*)$")
  folder, name = folder or "", name or prefix
  local out = {}
  for _, file in ipairs(system.list(folder == "" and "." or folder) or {}) do
    if file:sub(1, #name) == name and (name ~= "" or file:sub(1, 1) ~= ".") then
      out[#out + 1] = folder .. file .. (system.kind(folder .. file) == "folder" and "/" or "")
    end
  end
  return out
end

local function operation(name)
  for _, op in ipairs(ss.ops()) do
    if op.name == name then return op end
  end
end

-- Option names when the cursor is where one may stand: op(..., { here
local function option_names(text, open, word)
  local brace, paren = open[#open], open[#open - 1]
  if not brace or brace[1] ~= "{" then return end
  local before = text:sub(brace[2] + 1, #text - #word)
  if before:find("%S") and not before:find("[,;]%s*$") then return end
  local call = paren and paren[1] == "(" and paren[2] or brace[2]
  local op = operation(text:sub(1, call - 1):match("([%a_][%w_]*)%s*$") or "")
  if not op then return end
  local out, given = {}, {}
  for key in before:gmatch("([%a_][%w_]*)%s*=") do given[key] = true end
  for _, p in ipairs(op.params) do
    if p.kind ~= "tensor" and not given[p.name] and p.name:sub(1, #word) == word then
      out[#out + 1] = p.name .. " = "
    end
  end
  return out
end

local function split_chain(chain)
  local head, separator, last = chain:match("^(.*)([.:])([%w_]*)$")
  if not head then return {}, nil, chain end
  local parts = {}
  for part in head:gmatch("[^.:]+") do parts[#parts + 1] = part end
  return parts, separator, last
end

local function chain_names(chain, env)
  local parts, separator, last = split_chain(chain)
  local out = {}
  if not separator then
    names(env, out)
    for _, k in ipairs(keywords) do out[k] = true end
    return sorted(out, last), #last
  end
  local value = env
  for _, part in ipairs(parts) do
    value = field(value, part)
    if value == nil then return {}, #last end
  end
  names(value, out, separator == ":")
  return sorted(out, last), #last
end

---What the word before the cursor may become.
---@param line string
---@param cursor integer bytes before the cursor
---@param env? table globals, default _G
---@return string[] candidates, integer typed how many bytes of the word are there already
function complete.list(line, cursor, env)
  local text = line:sub(1, cursor)
  local quote, start, open, comment = scan(text)
  if comment then return {}, 0 end
  if quote then
    local prefix = text:sub(start)
    return files(prefix), #prefix
  end
  local chain = text:match("[%w_.:]*$"):gsub("^[.:]+", "")
  -- 1.5 or a call's result, f().x, is no chain of names.
  if chain:find("^%d") or text:sub(1, #text - #chain):find("[%])}\"'.:]$") then return {}, 0 end
  local options = not chain:find("[.:]") and option_names(text, open, chain)
  if options and (#options > 0 or chain == "") then return options, #chain end
  return chain_names(chain, env or _G)
end

local function common_prefix(list)
  local prefix = list[1] or ""
  for _, s in ipairs(list) do
    while s:sub(1, #prefix) ~= prefix do prefix = prefix:sub(1, -2) end
  end
  return prefix
end

local function columns(list, width)
  local widest = 0
  for _, s in ipairs(list) do widest = math.max(widest, #s + 2) end
  local per_row, lines = math.max(1, width // math.max(1, widest)), {}
  for i = 1, math.min(#list, 200), per_row do
    local row = {}
    for j = i, math.min(i + per_row - 1, #list) do
      row[#row + 1] = list[j] .. (" "):rep(widest - #list[j])
    end
    lines[#lines + 1] = table.concat(row):gsub("%s+$", "")
  end
  if #list > 200 then lines[#lines + 1] = ("... %d names"):format(#list) end
  return table.concat(lines, "\n")
end

---What the Tab key does: text to insert, text to show; either may be nil.
---@param line string
---@param cursor integer
---@param env? table globals, default _G
---@return string? insert, string? show
function complete.key(line, cursor, env)
  local list, typed = complete.list(line, cursor, env)
  if #list == 0 then return end
  local insert = common_prefix(list):sub(typed + 1)
  if insert ~= "" then return insert end
  if #list > 1 then return nil, columns(list, system.columns()) end
end

return complete
