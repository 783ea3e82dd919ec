-- The prompt: reads, runs and prints Lua, from a person or from a pipe.
local complete = require "semisam.complete"
local help = require "semisam.help"
local print_tensor = require "semisam.print"
local ss = require "semisam"
local system = require "semisam.system"
local terminal = require "semisam.terminal"

local repl = {}

local KEEP = 1000 -- lines of history

-- ---- history ---------------------------------------------------------------

local function history_file()
  local state = os.getenv("XDG_STATE_HOME")
  if not state or state:sub(1, 1) ~= "/" then
    local home = os.getenv("HOME")
    if not home or home == "" then return nil end
    state = home .. "/.local/state"
  end
  return state .. "/semisam/history"
end

local function load_history(path)
  local lines = {}
  local f = path and io.open(path, "r")
  if not f then return lines end
  for line in f:lines() do
    if line ~= "" and #line < 10000 then lines[#lines + 1] = line end
  end
  f:close()
  return table.move(lines, math.max(1, #lines - KEEP + 1), #lines, 1, {})
end

-- A prompt without history is better than none: failures to write are not reported.
local function open_history()
  local path = history_file()
  if not path then return function() end end
  local lines = load_history(path)
  for _, line in ipairs(lines) do terminal.remember(line) end
  pcall(ss.fs.mkdir, path:match("^(.*)/"))
  if #lines == KEEP then pcall(ss.fs.write, path, table.concat(lines, "\n") .. "\n") end
  return function(line)
    terminal.remember(line)
    pcall(ss.fs.append, path, line:gsub("\n", " ") .. "\n")
  end
end

-- ---- reading ---------------------------------------------------------------

-- Lua says so when a statement stops too early.
local function unfinished(message) return message:find("<eof>'?$") ~= nil end

local function compile(text)
  local expression = load("return " .. text, "=stdin", "t")
  if expression then return expression, nil, true end
  local chunk, message = load(text, "=stdin", "t")
  return chunk, message, false
end

-- A complete piece of Lua: its chunk (or nil and the message), text, and whether it is an
-- expression. nil alone at the end of input, false after Ctrl-C.
local function read(prompts)
  local text = terminal.read(prompts[1], complete.key)
  while true do
    if not text then return text end
    local chunk, message, expression = compile(text)
    if chunk or not unfinished(message) then
      return { chunk = chunk, message = message, text = text, expression = expression }
    end
    local more = terminal.read(prompts[2], complete.key)
    if more == false then return false end
    if more == nil then return { message = message, text = text } end
    text = text .. "\n" .. more
  end
end

-- ---- printing --------------------------------------------------------------

local function show_table(t)
  local keys = {}
  for k in next, t do keys[#keys + 1] = k end
  table.sort(keys, function(a, b)
    if math.type(a) and math.type(b) then return a < b end
    return tostring(a) < tostring(b)
  end)
  local lines = {}
  for i, k in ipairs(keys) do
    if i > 40 then
      lines[#lines + 1] = ("  ... (%d entries)"):format(#keys)
      break
    end
    local v = t[k]
    local text = ss.is_tensor(v) and print_tensor.header(v) or tostring(v):match("^[^\n]*")
    if type(v) == "string" then text = ("%q"):format(v):gsub("\n.*", "...") end
    if type(v) == "table" and not getmetatable(v) then
      text = #v > 0 and #v <= 8 and type(v[1]) == "number" and "{ " .. table.concat(v, ", ") .. " }"
        or text
    end
    if #text > 100 then text = text:sub(1, 97) .. "..." end
    lines[#lines + 1] = ("  %s = %s"):format(tostring(k), text)
  end
  return #lines == 0 and "{}" or "{\n" .. table.concat(lines, "\n") .. "\n}"
end

---A value as the prompt shows it.
---@param v any
---@return string
function repl.show(v)
  if ss.is_tensor(v) and v:is_live() then return print_tensor.tensor(v) end
  if type(v) == "string" then
    return #v > 2000 and ("%q... (%d bytes)"):format(v:sub(1, 2000), #v) or ("%q"):format(v)
  end
  local meta = debug.getmetatable(v)
  local object = meta and (meta.__tostring or meta.__name)
  if type(v) == "table" and not object then return show_table(v) end
  return tostring(v)
end

-- ---- running ---------------------------------------------------------------

-- Runs a chunk; results, or nil and the error as a line.
local function run(chunk)
  local results = table.pack(xpcall(chunk, function(e)
    return (tostring(e):gsub("%s+$", ""))
  end))
  local signal = system.signal()
  system.clear()
  if signal then return nil, "interrupted", signal end
  if not results[1] then return nil, results[2] end
  return results
end

local function assigned_locals(text)
  return text:match("^%s*local%s+function%s+([%a_][%w_]*)")
    or text:match("^%s*local%s+([%a_][%w_]*)")
end

-- Evaluates one piece; false if it failed.
local function evaluate(piece, out)
  if not piece.chunk then
    io.stderr:write(piece.message, "\n")
    return false
  end
  local name = assigned_locals(piece.text)
  if name then
    io.stderr:write(("warning: 'local %s' ends with its line; leave out `local`\n"):format(name))
  end
  local results, message, signal = run(piece.chunk)
  if not results then
    io.stdout:flush()
    io.stderr:write(message, "\n")
    return false, signal
  end
  if results.n > 1 then
    rawset(_G, "_", results[2])
    local silent = piece.text:find(";%s*$")
    if not silent and (piece.expression and results.n > 1) then
      for i = 2, results.n do out:write(repl.show(results[i]), "\n") end
    end
  end
  return true
end

-- ---- what the prompt offers ------------------------------------------------

local known = {}

local function who()
  local names, lines = {}, {}
  for name in pairs(_G) do
    if type(name) == "string" and not known[name] and name ~= "_" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local v = rawget(_G, name)
    local text = ss.is_tensor(v) and v:is_live() and print_tensor.header(v)
      or tostring(v):match("^[^\n]*")
    lines[#lines + 1] = ("%-12s %s"):format(name, text)
  end
  print(#lines > 0 and table.concat(lines, "\n") or "no variables yet")
end

local function install()
  local offered = {
    ss = ss, who = who,
    help = function(x) print(help.text(x)) end,
    apropos = function(word) print(help.apropos(word)) end,
    show = function(...) return require("semisam.draw").show(...) end,
  }
  for name, value in pairs(offered) do rawset(_G, name, value) end
  for name in pairs(_G) do known[name] = true end
end

local function banner()
  local total = system.memory()
  print(("semisam %s   cpu %s, %d threads   memory %s   help() explains, Ctrl-D leaves"):format(
    ss.version, ss.isa(), ss.threads(), print_tensor.bytes(total)))
end

---Reads and runs until the end of input. From a pipe there is no prompt, errors do not end the
---session, and the status tells whether there was one.
---@return integer status
function repl.run()
  local person = system.isatty(0)
  install()
  local remember = function() end
  if person then
    banner()
    remember = open_history()
  end
  local prompts = person and { "> ", ">> " } or { "", "" }
  local status = 0
  while true do
    local piece = read(prompts)
    if piece == nil then break end
    if piece == false then
      local name, number = system.signal()
      system.clear()
      if name ~= "INT" or not person then return 128 + (number or 2) end
      io.write("\n")
    elseif piece.text:find("%S") then
      remember(piece.text)
      local ok, signal = evaluate(piece, io.stdout)
      if not ok then status = 1 end
      if signal and (signal ~= "INT" or not person) then return signal == "INT" and 130 or 143 end
    end
  end
  terminal.close()
  if person then io.write("\n") end
  return person and 0 or status
end

return repl
