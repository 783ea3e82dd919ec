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

return fail
