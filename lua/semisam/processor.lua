-- processor.lua — what the system tells about the processor.
local processor = {}

local function read()
  local f = io.open("/proc/cpuinfo", "r")
  local text = f and f:read("a") or ""
  if f then f:close() end
  return text
end

--- Its name, "unknown" where the system does not tell.
function processor.name() return read():match("model name%s*:%s*([^\n]+)") or "unknown" end

--- Whether it multiplies in bf16.
function processor.bf16()
  local flags = read():match("\nflags%s*:%s*([^\n]+)")
  return flags ~= nil and flags:find("avx512_bf16", 1, true) ~= nil
end

return processor
