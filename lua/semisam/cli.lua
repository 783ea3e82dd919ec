-- The command line: what `semisam ...` does and with which status it ends.
local fail = require "semisam.fail"
local options = require "semisam.options"
local paths = require "semisam.paths"
local script = require "semisam.script"
local spell = require "semisam.spell"
local system = require "semisam.system"

local cli = {}

local HELP = [[
usage: semisam                          a prompt to explore tensors and networks
       semisam RECIPE.lua [key=value]   train by a recipe, some of its settings changed
       semisam SCRIPT.lua [argument]    run a script
       semisam COMMAND [key=value]      one of the commands below
       semisam help [COMMAND]           this text, or a command's options

commands:
%s
options before the first word:
  -e CODE        run a line of Lua
  -i             go to the prompt afterwards
  --threads N    processor threads to use
  --trace        show where in the Lua code an error came from
  --version      print the version

status: 0 done, 1 failed, 2 wrong usage, 65 bad data, 66 input missing, 73 or 74 output not
written, 78 bad recipe, 130 or 143 interrupted
]]

-- ---- commands --------------------------------------------------------------

local function command_names()
  local names = {}
  for _, file in ipairs(system.list(paths.root .. "/lua/semisam/commands") or {}) do
    names[#names + 1] = file:match("^([%w_]+)%.lua$")
  end
  return names
end

local function command(name)
  for _, known in ipairs(command_names()) do
    if known == name then return require("semisam.commands." .. name) end
  end
end

local function unknown_command(name)
  local names = command_names()
  names[#names + 1] = "help"
  fail.usage("no command '%s'%s; see `semisam help`", name:sub(1, 60), spell.hint(name, names))
end

local function help(name)
  if name then
    io.write(options.help(name, command(name) or unknown_command(name)))
    return 0
  end
  local lines = {}
  for _, n in ipairs(command_names()) do
    local ok, c = pcall(require, "semisam.commands." .. n)
    lines[#lines + 1] = ("  %-13s %s\n"):format(n, ok and c.summary or "(does not load)")
  end
  io.write((HELP:format(table.concat(lines))))
  return 0
end

local function run_command(name, args)
  for _, a in ipairs(args) do
    if a == "--help" or a == "-h" then return help(name) end
  end
  local c = command(name) or unknown_command(name)
  local status = c.run(options.parse(name, c, args))
  return math.type(status) == "integer" and status or 0
end

local function looks_like_path(word)
  return word:find("%.lua$") or word:find("/") or system.kind(word) == "file"
end

-- ---- errors ----------------------------------------------------------------

-- The status an error asks for. Failures of the library say what kind they are by ss.last_error.
local function status_of(err)
  local sig, number = system.signal()
  if sig then return 128 + number end
  return fail.status_of(err) or fail.library_status(err)
end

---Prints an error as one line on stderr, with the Lua calls under it if `trace`.
---@return integer status
function cli.report(err, trace)
  local status = status_of(err)
  local text = tostring(err):gsub("%s*\n%s*", " ")
  -- A place inside the library says nothing to the person who typed; --trace shows it.
  text = text:gsub("^%S*lua/semisam/[%w_/]+%.lua:%d+: ", "")
  io.stdout:flush()
  -- A recipe that ends in `return ss.extend(...)` has no line left: Lua made it a tail call.
  local path = script.loading
  if path and not text:find(path, 1, true) then text = path .. ": " .. text end
  if status > 128 then text = "interrupted" end
  io.stderr:write("semisam: ", text, "\n")
  if trace then io.stderr:write(trace, "\n") end
  return status
end

local function protected(trace, f, ...)
  local where
  local results = table.pack(xpcall(f, function(err)
    if trace then where = debug.traceback("", 2):gsub("^\n", "") end
    return err
  end, ...))
  if results[1] then return results[2] end
  return cli.report(results[2], where)
end

-- ---- the words -------------------------------------------------------------

local switches = {
  ["-i"] = true, ["--trace"] = true, ["--version"] = true, ["--help"] = true, ["-h"] = true,
}

-- Options before the first word: settings, and the index of that word.
local function leading(args)
  local o, i = {}, 1
  while args[i] and args[i]:sub(1, 1) == "-" and args[i] ~= "-" do
    local word = args[i]
    local key, value = word:match("^(%-%-threads)=(.*)$")
    key = key or word
    if key == "-e" or key == "--threads" then
      if not value then i = i + 1 end
      value = value or args[i] or fail.usage("%s needs a value", key)
      o[key] = value
    elseif switches[key] then
      o[key] = true
    else
      fail.usage("unknown option '%s'%s; see `semisam help`", word:sub(1, 60),
        spell.hint(word, { "--threads", "--trace", "--version", "--help" }))
    end
    i = i + 1
  end
  return o, i
end

local function set_threads(text)
  local n = math.tointeger(tonumber(text))
  if not n or n < 1 or n > 1024 then
    fail.usage("--threads expects a whole number from 1 to 1024, got '%s'", text:sub(1, 60))
  end
  require("semisam").threads(n)
end

local function act(o, word, rest)
  if o["--version"] then
    print("semisam " .. require("semisam").version)
    return 0
  end
  if o["--help"] or o["-h"] then return help(word) end
  if o["--threads"] then set_threads(o["--threads"]) end
  local status = 0
  if o["-e"] then
    local chunk, message = load(o["-e"], "=(command line)", "t")
    if not chunk then fail.usage("%s", message) end
    chunk()
  end
  if word == "help" then return help(rest[1]) end
  if word and command(word) then
    status = run_command(word, rest)
  elseif word and looks_like_path(word) then
    status = script.run(word, rest)
  elseif word then
    unknown_command(word)
  end
  if o["-i"] or not (word or o["-e"]) then return require("semisam.repl").run() end
  return status
end

---Does what the arguments say.
---@param args string[]
---@return integer status
function cli.main(args)
  local o, first = {}, 1
  local status = protected(nil, function() o, first = leading(args) end)
  if status then return status end
  local rest = {}
  for i = first + 1, #args do
    if args[i] == "--trace" then o["--trace"] = true else rest[#rest + 1] = args[i] end
  end
  return protected(o["--trace"], act, o, args[first], rest)
end

return cli
