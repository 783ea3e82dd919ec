-- protobuf.lua — the wire format of protocol buffers, read field by field.
local protobuf = {}

local function varint(s, at)
  local v, shift = 0, 0
  while true do
    local b = s:byte(at)
    v, at, shift = v | (b & 127) << shift, at + 1, shift + 7
    if b < 128 then return v, at end
  end
end

---Calls field(number, value, wire) for each field of message s.
function protobuf.fields(s, field)
  local at = 1
  while at <= #s do
    local tag, value
    tag, at = varint(s, at)
    local wire = tag & 7
    if wire == 0 then
      value, at = varint(s, at)
    elseif wire == 1 then
      value, at = string.unpack("<d", s, at)
    elseif wire == 5 then
      value, at = string.unpack("<f", s, at)
    elseif wire == 2 then
      local n
      n, at = varint(s, at)
      value, at = s:sub(at, at + n - 1), at + n
    else
      error("unknown wire type " .. wire)
    end
    field(tag >> 3, value, wire)
  end
end

---Fields of a message: number to list of values.
function protobuf.message(s)
  local out = {}
  protobuf.fields(s, function(number, value)
    out[number] = out[number] or {}
    table.insert(out[number], value)
  end)
  return out
end

protobuf.varint = varint

return protobuf
