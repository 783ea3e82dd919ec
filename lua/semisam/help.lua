-- help(x), apropos(word): from the ops' descriptors and the comments above the library's functions.
local ss = require "semisam"
local paths = require "semisam.paths"
local spell = require "semisam.spell"
local system = require "semisam.system"

local help = {}

-- ---- comments in source files ----------------------------------------------

local function lines_of(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local lines = {}
  for line in f:lines() do lines[#lines + 1] = line end
  f:close()
  return lines
end

-- The block of `---` or `--` lines that ends above line `at`, without its dashes.
local function comment_above(lines, at)
  local block = {}
  while at > 1 and lines[at - 1]:find("^%s*%-%-") do
    at = at - 1
    table.insert(block, 1, (lines[at]:gsub("^%s*%-%-+ ?", "")))
  end
  return table.concat(block, "\n")
end

local function of_function(f)
  local info = debug.getinfo(f, "S")
  if info.what == "C" then return nil end
  local path = info.source:match("^@(.*)")
  local lines = path and lines_of(path)
  local head = lines and lines[info.linedefined]
  if not head then return "function defined at " .. info.short_src .. ":" .. info.linedefined end
  local text = comment_above(lines, info.linedefined)
  head = head:gsub("^%s*local%s+", ""):gsub("^%s*", ""):gsub("%s*%-%-.*$", "")
  return ("%s\n%s%s:%d"):format(head, text ~= "" and text .. "\n" or "", info.short_src,
    info.linedefined)
end

-- The comment a file begins with.
local function of_file(path)
  local lines, text = lines_of(path) or {}, {}
  for _, line in ipairs(lines) do
    local comment = line:match("^%-%- ?(.*)$")
    if not comment then break end
    text[#text + 1] = comment
  end
  return table.concat(text, "\n")
end

-- ---- operations ------------------------------------------------------------

local by_name

local function operations()
  if not by_name then
    by_name = {}
    for _, op in ipairs(ss.ops()) do by_name[op.name] = op end
  end
  return by_name
end

local function of_operation(op)
  local notes = {}
  if not op.differentiable then notes[#notes + 1] = "no gradient" end
  if op.inplace then notes[#notes + 1] = "changes its first argument" end
  if op.view then notes[#notes + 1] = "shares the bytes of its argument" end
  if op.nout > 1 then notes[#notes + 1] = op.nout .. " results" end
  return ("%s(%s)\n%s%s"):format(op.name, op.sig, op.doc,
    #notes > 0 and "\n(" .. table.concat(notes, ", ") .. ")" or "")
end

local function operation_of(f)
  for name, op in pairs(operations()) do
    if ss._ops[name] == f then return op end
  end
end

-- ---- tables and other values -----------------------------------------------

local function of_table(t, name)
  local module
  for key, value in pairs(package.loaded) do
    if value == t and key:find("^semisam") then module = key end
  end
  local parts = {}
  if module then
    local file = paths.root .. "/lua/" .. module:gsub("%.", "/") .. ".lua"
    parts[1] = of_file(system.kind(file) and file or file:gsub("%.lua$", "/init.lua"))
  end
  local names = {}
  for k, v in next, t do
    if type(k) == "string" and k:sub(1, 1) ~= "_" then
      names[#names + 1] = k .. (type(v) == "function" and "()" or "")
    end
  end
  table.sort(names)
  parts[#parts + 1] = ("%s: %s"):format(module or name or "table", table.concat(names, "  "))
  return table.concat(parts, "\n")
end

local overview = [[
Everything is in `ss`: tensors, operations, networks, losses, data. Try

  x = ss.uniform({2, 3}, 1)      a tensor (shape, key); x prints a summary
  x:mean(1)                      axes count from 1; negative ones from the end
  x:conv3d(w, b, {stride = 2})   options by name
  help "conv3d"                  an operation, a function, a module ("nn", "losses", ...)
  apropos "norm"                 everything whose description has a word
  who()                          your variables
  show(volume, mask)             slices of a volume as show.png

A trailing ; keeps a result from being printed; _ is the last one. Tab completes. Ctrl-C stops
what is running, Ctrl-D leaves.]]

local function lookup(name)
  if not name:find("[%w_]") then return nil end
  local value
  for _, start in ipairs { ss, _G } do
    value = start
    for part in name:gsub("^ss%.", ""):gmatch("[^.:]+") do
      if type(value) ~= "table" then
        value = nil
        break
      end
      local ok, v = pcall(function() return value[part] end)
      value = ok and v or nil
    end
    if value ~= nil then return value end
  end
end

---Text that explains a value or what a name stands for; nil asks for the overview.
---@param x any
---@return string
function help.text(x)
  if x == nil then return overview end
  if type(x) == "string" then
    local op = operations()[x:gsub("^ss%.", ""):gsub("^.*:", "")]
    if op then return of_operation(op) end
    local value = lookup(x)
    if value == nil then
      local known = spell.keys(operations())
      for name in pairs(ss._parts) do known[#known + 1] = name end
      return ("nothing is known about '%s'%s; apropos '%s' searches the descriptions"):format(x,
        spell.hint(x, known), x)
    end
    if type(value) == "table" and getmetatable(value) == nil or value == ss then
      return of_table(value, x)
    end
    return help.text(value)
  end
  if type(x) == "function" then
    local op = operation_of(x)
    return op and of_operation(op) or of_function(x) or "a function written in C"
  end
  if type(x) == "table" and not getmetatable(x) or x == ss then return of_table(x) end
  return tostring(x)
end

-- ---- search ----------------------------------------------------------------

local function lua_files(folder, out)
  for _, name in ipairs(system.list(folder) or {}) do
    local path = folder .. "/" .. name
    if name:find("%.lua$") then
      out[#out + 1] = path
    elseif system.kind(path) == "folder" then
      lua_files(path, out)
    end
  end
  return out
end

---The documented functions of the Lua library: name, first sentence, all of the comment, file.
---@return {name: string, signature: string, doc: string, module: string}[]
function help.functions()
  local out, base = {}, paths.root .. "/lua/"
  for _, path in ipairs(lua_files(base .. "semisam", {})) do
    local lines = lines_of(path) or {}
    for i, line in ipairs(lines) do
      local name, args = line:match("^function ([%w_.:]+)(%b())")
      if name and i > 1 and lines[i - 1]:find("^%-%-%-") then
        out[#out + 1] = {
          module = path:sub(#base + 1):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."),
          name = name:match("[^.:]+$"), signature = name .. args, doc = comment_above(lines, i),
        }
      end
    end
  end
  return out
end

---One line for everything whose name or description has `word`.
---@param word string
---@return string
function help.apropos(word)
  if type(word) ~= "string" or word == "" then error("apropos: expected a word", 2) end
  local needle, out = word:lower(), {}
  local function add(name, doc)
    if (name .. " " .. doc):lower():find(needle, 1, true) then
      out[#out + 1] = ("%-28s %s"):format(name, (doc:match("^[^\n]*"):gsub("%. .*", ".")))
    end
  end
  for _, op in ipairs(ss.ops()) do
    if not op.internal then add(op.name, op.doc) end
  end
  for _, f in ipairs(help.functions()) do
    add(f.module:gsub("^semisam%.", "") .. "." .. f.name, f.doc)
  end
  table.sort(out)
  return #out > 0 and table.concat(out, "\n") or ("nothing mentions '%s'"):format(word)
end

return help
