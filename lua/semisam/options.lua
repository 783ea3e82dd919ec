-- Options of a command: declared once, checked strictly, shown by help.
--
-- A command is a file lua/semisam/commands/NAME.lua that returns
--
--   return {
--     summary = "make a data set of phantoms",  -- one line, lower case, no full stop
--     usage = "phantom out=DIR [cases=N]",      -- optional; made from the options otherwise
--     positional = { "out" },                   -- options that may be given without their name
--     options = {
--       out = { "output", required = true, doc = "folder to make" },
--       cases = { "integer", default = 44, min = 1, max = 100000, doc = "number of volumes" },
--       size = { "numbers", default = { 64, 64, 64 }, count = 3, doc = "voxels in z, y, x" },
--       family = { "string", default = "a", choices = { "a", "b" }, doc = "kind of anatomy" },
--       force = { "boolean", doc = "replace what is there" },
--       files = { "inputs", doc = "..." },      -- several positional ones
--     },
--     settings = "changes",  -- optional: other words key.sub=value are gathered in o.changes
--     details = "more text for `semisam help NAME`",
--     run = function(o) ... end,  -- o.out, o.cases, ...; may return an exit status
--   }
--
-- Kinds: string, number, integer, boolean, numbers (a list: 1,2 or {1,2}), words (a list: a,b),
-- input (a path that exists), inputs (several), output (a path to be written).
-- On the command line: key=value, --key=value, --key value; for booleans also --key and --no-key.
local fail = require "semisam.fail"
local spell = require "semisam.spell"
local value_of = require("semisam.config_value").value

local options = {}

local function usage_error(name, format, ...)
  fail.usage("%s: %s; see `semisam help %s`", name, format:format(...), name)
end

local function in_range(name, key, spec, n)
  if n ~= n or n < (spec.min or -math.huge) or n > (spec.max or math.huge) then
    usage_error(name, "%s should be from %s to %s, got %s", key, tostring(spec.min or "-inf"),
      tostring(spec.max or "inf"), tostring(n))
  end
  return n
end

local function exists(path)
  local f, message, code = io.open(path, "rb")
  if f then f:close() end
  return f ~= nil, message, code
end

local parse = {}

function parse.string(name, key, spec, text)
  if spec.choices then
    for _, c in ipairs(spec.choices) do
      if c == text then return text end
    end
    usage_error(name, "%s should be one of %s, got '%s'%s", key, table.concat(spec.choices, ", "),
      text:sub(1, 60), spell.hint(text, spec.choices))
  end
  return text
end

function parse.number(name, key, spec, text)
  local n = tonumber(text)
  if not n then usage_error(name, "%s expects a number, got '%s'", key, text:sub(1, 60)) end
  return in_range(name, key, spec, n)
end

function parse.integer(name, key, spec, text)
  local n = math.tointeger(tonumber(text))
  if not n then usage_error(name, "%s expects a whole number, got '%s'", key, text:sub(1, 60)) end
  return in_range(name, key, spec, n)
end

function parse.boolean(name, key, _, text)
  if text == "true" or text == "yes" or text == "1" then return true end
  if text == "false" or text == "no" or text == "0" then return false end
  usage_error(name, "%s expects true or false, got '%s'", key, text:sub(1, 60))
end

function parse.numbers(name, key, spec, text)
  if not text:find("^%s*{") then text = "{" .. text .. "}" end
  local list = value_of(text)
  if type(list) ~= "table" or #list == 0 then
    usage_error(name, "%s expects numbers such as 64,64,64", key)
  end
  for _, n in ipairs(list) do
    if type(n) ~= "number" then
      usage_error(name, "%s expects numbers, got '%s'", key, tostring(n):sub(1, 60))
    end
    in_range(name, key, spec, n)
  end
  if spec.count and #list == 1 then
    for i = 2, spec.count do list[i] = list[1] end
  end
  if spec.count and #list ~= spec.count then
    usage_error(name, "%s expects %d numbers, got %d", key, spec.count, #list)
  end
  return list
end

function parse.words(name, key, spec, text)
  local list = {}
  for word in text:gsub("^{(.*)}$", "%1"):gmatch("[^,%s]+") do
    list[#list + 1] = parse.string(name, key, spec, word)
  end
  if #list == 0 then usage_error(name, "%s expects words such as a,b", key) end
  return list
end

function parse.input(name, key, _, text)
  if text == "" then usage_error(name, "%s expects a path, got nothing", key) end
  local found, message = exists(text)
  if not found then fail.input("%s", message) end
  return text
end

function parse.inputs(name, key, spec, text)
  return { parse.input(name, key, spec, text) }
end

function parse.output(name, key, _, text)
  if text == "" then usage_error(name, "%s expects a path, got nothing", key) end
  return text
end

-- What an argument assigns: key, text; both nil for a bare word. `--key` alone gives key, nil.
local function assignment(word, specs)
  local key, text = word:match("^%-?%-?([%a_][%w_%-]*)=(.*)$")
  if key then return key:gsub("%-", "_"), text end
  key = word:match("^%-%-([%a_][%w_%-]*)$")
  if not key then return nil end
  key = key:gsub("%-", "_")
  local positive = key:match("^no_(.+)$")
  if not specs[key] and positive and specs[positive] and specs[positive][1] == "boolean" then
    return positive, "false"
  end
  return key, nil
end

local function store(name, o, key, spec, text, given)
  if spec[1] == "inputs" then
    local list = o[key] or {}
    list[#list + 1] = parse.input(name, key, spec, text)
    o[key] = list
    return
  end
  if given[key] then usage_error(name, "%s is given twice", key) end
  given[key] = true
  o[key] = parse[spec[1]](name, key, spec, text)
end

-- A word without a key goes to the next option of `positional`.
local function positional(name, command, o, given, word)
  if word:sub(1, 1) == "-" and word ~= "-" then
    usage_error(name, "unknown option '%s'%s", word:sub(1, 60),
      spell.hint(word:gsub("^%-+", ""), spell.keys(command.options or {})))
  end
  for _, key in ipairs(command.positional or {}) do
    local spec = command.options[key]
    if spec[1] == "inputs" or not given[key] then
      store(name, o, key, spec, word, given)
      return
    end
  end
  usage_error(name, "unexpected '%s'; options are given as key=value", word:sub(1, 60))
end

local function defaults(name, command, o)
  for _, key in ipairs(spell.keys(command.options or {})) do
    local spec = command.options[key]
    if o[key] == nil then
      if spec.required then
        usage_error(name, "%s is missing (%s)", key, spec.doc or spec[1])
      end
      local d = spec.default
      if type(d) == "table" then d = table.move(d, 1, #d, 1, {}) end
      if d == nil and spec[1] == "boolean" then d = false end
      o[key] = d
    end
  end
  return o
end

-- Takes the words `key.sub=value` that are no options out of the arguments, for commands that hand
-- them on.
local function settings(command, o, args)
  if not command.settings then return args end
  local rest, list = {}, {}
  for _, word in ipairs(args) do
    local key = word:match("^%-?%-?([%a_][%w_.]*)=")
    if key and not command.options[key] then
      list[#list + 1] = word:gsub("^%-%-?", "")
    else
      rest[#rest + 1] = word
    end
  end
  o[command.settings] = list
  return rest
end

---The options of `command` from its arguments; raises a usage failure.
---@param name string
---@param command table
---@param args string[]
---@return table
function options.parse(name, command, args)
  local specs, o, given, i = command.options or {}, {}, {}, 1
  args = settings(command, o, args)
  while i <= #args do
    local word = args[i]
    local key, text = assignment(word, specs)
    -- A path may hold '=': only a known key, or a word that is no path, is an assignment.
    if key and not specs[key] and text and word:find("^[^=]*[/.]") then key = nil end
    if not key then
      positional(name, command, o, given, word)
    else
      local spec = specs[key]
      if not spec then
        usage_error(name, "unknown option '%s'%s", key:sub(1, 60),
          spell.hint(key, spell.keys(specs)))
      end
      if not text and spec[1] == "boolean" then text = "true" end
      if not text then
        i = i + 1
        text = args[i] or usage_error(name, "%s needs a value", key)
      end
      store(name, o, key, spec, text, given)
    end
    i = i + 1
  end
  return defaults(name, command, o)
end

local function show_default(spec)
  local d = spec.default
  if d == nil then return spec.required and "required" or nil end
  if type(d) == "table" then return table.concat(d, ",") end
  return tostring(d)
end

local word_of = {
  string = "TEXT", number = "X", integer = "N", boolean = "true|false", numbers = "N,N,..",
  words = "A,B,..", input = "PATH", inputs = "PATH", output = "PATH",
}

---The help text of a command.
---@param name string
---@param command table
---@return string
function options.help(name, command)
  local specs = command.options or {}
  local usage, placed = { "semisam", name }, {}
  for _, key in ipairs(command.positional or {}) do
    local word = key:upper() .. (specs[key][1] == "inputs" and " ..." or "")
    usage[#usage + 1] = specs[key].required and word or "[" .. word .. "]"
    placed[key] = true
  end
  for _, key in ipairs(spell.keys(specs)) do
    if specs[key].required and not placed[key] then
      usage[#usage + 1] = key .. "=" .. word_of[specs[key][1]]
    end
  end
  if next(specs) then usage[#usage + 1] = "[key=value ...]" end
  local out = {
    "usage: " .. (command.usage and "semisam " .. command.usage or table.concat(usage, " ")), "",
    command.summary,
  }
  if next(specs) then out[#out + 1] = "" end
  for _, key in ipairs(spell.keys(specs)) do
    local spec = specs[key]
    local default = show_default(spec)
    local left = ("  %s=%s"):format(key, spec.choices and table.concat(spec.choices, "|")
      or word_of[spec[1]])
    out[#out + 1] = ("%s%s%s%s"):format(left, (" "):rep(math.max(2, 26 - #left)), spec.doc or "",
      default and (" [%s]"):format(default) or "")
  end
  if command.details then
    out[#out + 1] = ""
    out[#out + 1] = command.details
  end
  return table.concat(out, "\n") .. "\n"
end

return options
