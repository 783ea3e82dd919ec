-- profile.lua — which operations a piece of work spends its time in.
local ss = require "semisam.core"

local M = {}

---Run fn(...) and count its operations. On a GPU each operation is waited for, and what was asked
---before comes first; `asked` is the part of its seconds that the processor needed to ask for it.
---@param fn function
---@return { name: string, calls: integer, seconds: number, flops: number, asked: number }[] rows
---  slowest first
---@return number seconds of the whole, what lies between the operations included
function M.rows(fn, ...)
  ss._profile(true)
  local begun = ss.clock()
  local ok, err = pcall(fn, ...)
  local seconds, list = ss.clock() - begun, {}
  for name, row in pairs(ss._profile(false)) do
    row.name = name
    list[#list + 1] = row
  end
  if not ok then error(err, 0) end
  table.sort(list, function(a, b)
    if a.seconds ~= b.seconds then return a.seconds > b.seconds end
    return a.name < b.name
  end)
  return list, seconds
end

---The rows as a table of text.
---@param rows table[]
---@param seconds number
---@return string
function M.text(rows, seconds)
  local named, asked, head = 0, 0, "%-28s %8s %10s %7s %10s"
  for _, row in ipairs(rows) do asked = asked + row.asked end
  local on_gpu = asked > 0
  local lines = { head:format("operation", "calls", "seconds", "share", "GFLOP/s") ..
    (on_gpu and "      asked" or "") }
  for _, row in ipairs(rows) do
    named = named + row.seconds
    local rate = row.flops > 0 and ("%.1f"):format(row.flops / row.seconds / 1e9) or ""
    lines[#lines + 1] = ("%-28s %8d %10.4f %6.1f%% %10s"):format(row.name, row.calls, row.seconds,
      100 * row.seconds / seconds, rate) .. (on_gpu and (" %10.4f"):format(row.asked) or "")
  end
  lines[#lines + 1] = ("%-28s %8s %10.4f %6.1f%%"):format("(between operations)", "",
    seconds - named, 100 * (seconds - named) / seconds)
  return table.concat(lines, "\n")
end

---`ss.profile(fn, ...)`: run and print.
setmetatable(M, { __call = function(_, fn, ...) print(M.text(M.rows(fn, ...))) end })

return M
