-- history.lua — the rows of log.csv in bounded memory: when there are too many points, neighbours
-- become one point of their means.
local csv = require "semisam.csv"

local history = {}

local MOST = 800 -- points kept

local History = {}
History.__index = History

function history.new()
  return setmetatable({ points = {}, width = 1, phases = {}, rows = 0 }, History)
end

--- The history in a run folder; empty if there is none.
---@param dir string
function history.read(dir)
  local h = history.new()
  csv.each(dir .. "/log.csv", function(row) h:add(row) end)
  return h
end

local function merge(a, b)
  if not b then return a end
  a.n = a.n + b.n
  for name, v in pairs(b.sum) do
    a.sum[name] = (a.sum[name] or 0) + v
    a.count[name] = (a.count[name] or 0) + b.count[name]
  end
  return a
end

--- Adds a row: numbers by name, and the phase.
function History:add(row)
  local last = self.phases[#self.phases]
  if row.phase and (not last or last.name ~= row.phase) then
    self.phases[#self.phases + 1] = { name = row.phase, step = row.step, epoch = row.epoch }
  elseif last and not last.per_step and row.step == last.step + 1 and row.epoch then
    last.per_step = row.epoch - last.epoch
    if last.per_step > 0 then self.steps_per_epoch = 1 / last.per_step end
  end
  self.rows, self.last = self.rows + 1, row
  local at = self.points[#self.points]
  if not at or at.n >= self.width then
    at = { n = 0, sum = {}, count = {} }
    self.points[#self.points + 1] = at
  end
  at.n = at.n + 1
  for name, v in pairs(row) do
    if type(v) == "number" and v == v and math.abs(v) < math.huge then
      at.sum[name] = (at.sum[name] or 0) + v
      at.count[name] = (at.count[name] or 0) + 1
    end
  end
  if #self.points > MOST then
    local half = {}
    for i = 1, #self.points, 2 do
      half[#half + 1] = merge(self.points[i], self.points[i + 1])
    end
    self.points, self.width = half, 2 * self.width
  end
end

--- A column as two lists, steps and values; NaN where it has none. nil if it never has one.
---@param name string
---@return number[]? steps
---@return number[]? values
function History:column(name)
  local x, y, any = {}, {}, false
  for i, p in ipairs(self.points) do
    x[i] = p.sum.step / p.count.step
    y[i] = p.count[name] and p.sum[name] / p.count[name] or 0 / 0
    any = any or p.count[name] ~= nil
  end
  if any then return x, y end
end

return history
