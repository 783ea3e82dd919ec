-- Scripts and recipes named on the command line.
local config = require "semisam.config"
local fail = require "semisam.fail"
local paths = require "semisam.paths"
local strict = require "semisam.strict"
local system = require "semisam.system"

local script = {}

---The script whose chunk runs at the moment.
script.loading = nil

-- The chunk of a script: text only.
local function load_script(path)
  local kind, message = system.kind(path)
  if kind ~= "file" then
    fail.input("%s: %s", path, kind and "expected a Lua file, got a " .. kind or message:lower())
  end
  local f, why = io.open(path, "rb")
  if not f then fail.input("%s", why) end
  local text = f:read("a")
  f:close()
  if text:sub(1, 1) == "\27" then fail.recipe("%s: precompiled chunks are refused", path) end
  text = text:gsub("^\xEF\xBB\xBF", ""):gsub("^#[^\n]*", "")
  strict.add("@" .. path)
  local chunk, syntax = load(text, "@" .. path, "t")
  if not chunk then
    fail.recipe("%s", syntax:find(path, 1, true) and syntax or path .. ": " .. syntax)
  end
  return chunk
end

-- The comment a file begins with, without its dashes.
local function heading(path)
  local lines = {}
  for line in io.lines(path) do
    local text = line:match("^%-%- ?(.*)$")
    if not text then break end
    lines[#lines + 1] = text
  end
  return table.concat(lines, "\n")
end

local function recipe_help(path, recipe)
  io.write(("usage: semisam %s [key=value ...]\n\n%s\n\n"):format(path, heading(path)))
  io.write("settings, each to be changed as key=value or key.sub=value:\n\n")
  io.write((config.show(recipe):gsub("^return ", "")))
  return 0
end

-- What a file returns when it is run with these arguments.
local function result_of(path, args)
  local chunk = load_script(path)
  paths.search(path)
  rawset(_G, "arg", table.move(args, 1, #args, 1, { [0] = path }))
  script.loading = path
  local result = chunk(table.unpack(args))
  script.loading = nil
  return result
end

---The recipe of a file, for commands that look at one.
---@param path string
---@return table
function script.recipe(path)
  local result = result_of(path, {})
  if type(result) ~= "table" then
    fail.recipe("%s: expected a recipe (a table), got a %s", path, type(result))
  end
  return result
end

---Runs a script with its arguments. One that returns a table is a recipe: it is trained, with the
---arguments as key=value changes. Returns an exit status.
---@param path string
---@param args string[]
---@return integer
function script.run(path, args)
  local result = result_of(path, args)
  if result == nil then return 0 end
  if type(result) ~= "table" then
    fail.recipe("%s: expected a recipe (a table) or nothing, got a %s", path, type(result))
  end
  local changes = {}
  for i, a in ipairs(args) do
    if a == "--help" or a == "-h" then return recipe_help(path, result) end
    changes[i] = a:gsub("^%-%-([%w_.]+=)", "%1")
  end
  local status = require("semisam.train").run(result, changes, path)
  return math.type(status) == "integer" and status or 0
end

return script
