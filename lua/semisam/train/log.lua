-- log.lua — what a run tells: its progress on the terminal, log.csv and validation.csv.
local fail = require "semisam.fail"
local ss = require "semisam"
local stages = require "semisam.train.stages"
local system = require "semisam.system"

local PACE = 5 -- seconds between two lines about steps, where there is no terminal

local log = {}

local Log = {}
Log.__index = Log

-- Columns of log.csv in order. Everything before `seconds` repeats bit for bit in a resumed run.
log.COLUMNS = {
  "step", "phase", "epoch", "lr", "lambda", "beta", "u_th", "loss", "sup", "con", "rs", "conf",
  "conf_roi", "pseudo_coarse", "pseudo_truth", "empty", "critic", "sup_ce", "sup_dice", "grad_norm",
  "scale", "skipped", "seconds", "wait_seconds", "megabytes",
}
for _, stage in ipairs(stages.NAMES) do
  table.insert(log.COLUMNS, #log.COLUMNS - 1, stage .. "_seconds")
end
log.VALIDATION = { "step", "phase", "dice", "dice_student", "best", "loss", "coarse", "pseudo" }

local function field(v)
  if v == nil then return "" end
  if math.type(v) == "float" then return ("%.9g"):format(v) end
  return tostring(v)
end

local function csv(columns, row)
  local out = {}
  for i, name in ipairs(columns) do out[i] = field(row[name]) end
  return table.concat(out, ",")
end

-- Opens DIR/name for appending; with `upto`, rows of later steps are dropped first.
local function open_csv(path, columns, upto)
  local kept = { table.concat(columns, ",") }
  local old = upto and io.open(path, "r")
  if old then
    old:read("l")
    for line in old:lines() do
      local step = math.tointeger(tonumber(line:match("^(%d+),")))
      if step and step <= upto and select(2, line:gsub(",", "")) == #columns - 1 then
        kept[#kept + 1] = line
      end
    end
    old:close()
  end
  ss.fs.write(path, table.concat(kept, "\n") .. "\n")
  local out = assert(io.open(path, "a"))
  out:setvbuf("line")
  return out
end

--- A log in the run folder.
---@param dir string
---@param opts {total: integer, upto: integer?, quiet: boolean?, pending: boolean?} upto: the step
---  resumed from; pending: its validation is still to be done
function log.new(dir, opts)
  local self = setmetatable({ total = opts.total, quiet = opts.quiet, shown = false, dir = dir },
    Log)
  self.steps = open_csv(dir .. "/log.csv", log.COLUMNS, opts.upto)
  self.validation = open_csv(dir .. "/validation.csv", log.VALIDATION,
    opts.upto and opts.upto - (opts.pending and 1 or 0))
  self.bar = not opts.quiet and system.isatty(1)
  self.started, self.first = system.clock(), opts.upto or 0
  return self
end

local function duration(s)
  if s < 90 then return ("%ds"):format(math.floor(s + 0.5)) end
  if s < 5400 then return ("%.0fm%02.0fs"):format(s // 60, math.floor(s % 60)) end
  return ("%.0fh%02.0fm"):format(s // 3600, s % 3600 // 60)
end
log.duration = duration

--- Seconds a step took so far, on average.
function Log:pace(step)
  return (system.clock() - self.started) / math.max(1, step - self.first)
end

local function line_of(self, row)
  local pace = self:pace(row.step)
  local parts = { ("%s %d/%d"):format(row.phase, row.step, self.total),
    ("loss %.4f"):format(row.loss) }
  for _, name in ipairs { "sup", "con", "rs" } do
    if row[name] then parts[#parts + 1] = ("%s %.4f"):format(name, row[name]) end
  end
  if self.dice then parts[#parts + 1] = ("dice %.3f"):format(self.dice) end
  parts[#parts + 1] = duration(pace * (self.total - row.step)) .. " left"
  parts[#parts + 1] = pace > 1 and ("%.1f s/step"):format(pace) or ("%.1f steps/s"):format(1 / pace)
  parts[#parts + 1] = ("%.0f MB"):format(row.megabytes)
  return table.concat(parts, "  ")
end

-- A line of a table; a full disk is a sentence.
local function put(self, file, name, line)
  local ok, why = file:write(line, "\n")
  if not ok then fail.io("%s/%s: cannot be written: %s", self.dir, name, why) end
end

--- Time the rest of the run will take, as text.
function Log:left(step) return duration(self:pace(step) * (self.total - step)) end

--- Writes a row of log.csv and shows it: on the terminal every step in one line, in a file a line
--- every few seconds.
function Log:step(row)
  put(self, self.steps, "log.csv", csv(log.COLUMNS, row))
  if self.quiet then return end
  local now = system.clock()
  if not self.bar and self.told and now - self.told < PACE then return end
  self.told = now
  local text = line_of(self, row)
  if self.bar then
    local width = system.columns() - 1
    local done = math.floor(10 * row.step / self.total)
    text = ("[%s%s] %s"):format(("#"):rep(done), ("."):rep(10 - done), text):sub(1, width)
    io.stdout:write("\r\27[K", text)
    self.shown = true
  else
    io.stdout:write(text, "\n")
  end
  io.stdout:flush()
end

--- Writes a row of validation.csv and shows it.
function Log:validated(row)
  self.dice = row.dice
  put(self, self.validation, "validation.csv", csv(log.VALIDATION, row))
  self:say(("step %d: validation Dice %.4f (student %.4f)%s"):format(row.step, row.dice,
    row.dice_student, row.best == 1 and ", best so far" or ""))
end

--- A line of text above the bar.
function Log:say(text)
  if self.quiet then return end
  if self.shown then io.stdout:write("\r\27[K") end
  self.shown = false
  io.stdout:write(text, "\n")
  io.stdout:flush()
end

function Log:close()
  if self.shown then io.stdout:write("\n") end
  self.shown = false
  self.steps:close()
  self.validation:close()
end

return log
