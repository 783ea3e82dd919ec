-- Errors that carry the exit status of the program.
--
--   local fail = require "semisam.fail"
--   fail.input("%s: no such file", path)      -- ends the program with status 66
--
-- Any other error ends it with status 1.
local fail = {}

---Exit statuses (those of sysexits.h where one fits).
fail.status = {
  failure = 1, -- a script or recipe raised an error
  usage = 2, -- the command line is wrong
  data = 65, -- an input file's contents are wrong
  input = 66, -- an input is missing or cannot be read
  internal = 70, -- a defect of the program
  create = 73, -- an output cannot be created, or exists
  io = 74, -- writing failed
  recipe = 78, -- a recipe or setting is wrong
}

local meta = {
  __name = "semisam.failure",
  __tostring = function(e) return e.message end,
}

---Raises an error with an exit status.
---@param status integer|string number or a name of fail.status
---@param format string
function fail.raise(status, format, ...)
  local message = select("#", ...) > 0 and format:format(...) or format
  error(setmetatable({ status = fail.status[status] or status, message = message }, meta), 0)
end

for name in pairs(fail.status) do
  fail[name == "failure" and "plain" or name] = function(...) fail.raise(name, ...) end
end

---The status an error value asks for, or nil.
---@return integer?
function fail.status_of(err)
  return getmetatable(err) == meta and err.status or nil
end

-- Reading, creating and writing are told apart by the words of core/file.c and
-- core/file_out.c.
local function io_status(message)
  for _, words in ipairs { "its folder cannot be opened", "opened for appending", "made a folder",
    "cannot be created", "a file is to be written", "no file name" } do
    if message:find(words, 1, true) then return fail.status.create end
  end
  for _, words in ipairs { "cannot be opened", "cannot be read", "a regular file is needed" } do
    if message:find(words, 1, true) then return fail.status.input end
  end
  return fail.status.io
end

---The status of an error that the library raised: it says what kind its last failure was. Errors of
---other origin are failures of the script.
---@return integer
function fail.library_status(err)
  local ss = package.loaded["semisam"]
  local kind, message = nil, nil
  if ss and ss.last_error then kind, message = ss.last_error() end
  if kind and message ~= "" and tostring(err):find(message, 1, true) then
    if kind == "E_FORMAT" then return fail.status.data end
    if kind == "E_IO" then return io_status(message) end
  end
  return fail.status.failure
end

---The error as one that keeps its status when the library fails again before it is reported.
---@param err any
---@param more string? added to the sentence
function fail.fixed(err, more)
  local status = fail.status_of(err) or fail.library_status(err)
  local text = tostring(err):gsub("^%S*lua/semisam/[%w_/]+%.lua:%d+: ", "")
  return setmetatable({ status = status, message = text .. (more or "") }, meta)
end

return fail
