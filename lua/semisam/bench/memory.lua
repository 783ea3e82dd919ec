-- bench/memory.lua — what the process holds, where the system tells.
local memory = {}

-- Bytes of a line of /proc/self/status, 0 where there is none.
local function status_bytes(field)
  local file = io.open("/proc/self/status", "r")
  if not file then return 0 end
  local text = file:read "a"
  file:close()
  return (tonumber(text:match(field .. ":%s*(%d+) kB")) or 0) * 1024
end

--- Bytes of the process in memory now.
function memory.resident() return status_bytes "VmRSS" end

--- The most it had since reset_peak(), or ever where that could not be reset.
function memory.peak() return status_bytes "VmHWM" end

--- The largest resident size is counted from now on, where the system allows it.
function memory.reset_peak()
  local file = io.open("/proc/self/clear_refs", "w")
  if not file then return end
  file:write "5"
  file:close()
end

return memory
