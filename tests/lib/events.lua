-- Reads a TensorBoard event file without the code that writes it: the checksum bit by bit, the
-- protocol buffer field by field.
local protobuf = require "tests.lib.protobuf"
local events = {}

local message = protobuf.message

---CRC32C of a string.
function events.crc32c(s)
  local c = 0xffffffff
  for i = 1, #s do
    c = c ~ s:byte(i)
    for _ = 1, 8 do
      local low = c & 1
      c = c >> 1
      if low == 1 then c = c ~ 0x82f63b78 end
    end
  end
  return c ~ 0xffffffff
end

local function masked(s)
  local c = events.crc32c(s)
  local turned = (c >> 15) | ((c << 17) & 0xffffffff)
  return (turned + 0xa282ead8) % (1 << 32)
end

---All events of a file's text: { time, step, version?, session?, values = { { tag, number or
---image } } }. Raises where a checksum is wrong; a cut-off record at the end ends the list.
function events.read(text)
  local out, at = {}, 1
  while at + 12 <= #text do
    local length = string.unpack("<I8", text, at)
    if at + 16 + length - 1 > #text then break end
    assert(string.unpack("<I4", text, at + 8) == masked(text:sub(at, at + 7)), "checksum of a length")
    local data = text:sub(at + 12, at + 11 + length)
    assert(string.unpack("<I4", text, at + 12 + length) == masked(data), "checksum of a record")
    local e = message(data)
    local one = { time = e[1][1], step = e[2] and e[2][1] or 0, version = e[3] and e[3][1],
      session = e[7] and message(e[7][1])[1][1], values = {} }
    for _, value in ipairs(e[5] and message(e[5][1])[1] or {}) do
      local v = message(value)
      local image = v[4] and message(v[4][1])
      one.values[#one.values + 1] = { v[1][1], image and { height = image[1][1], width = image[2][1],
        colours = image[3][1], png = image[4][1] } or v[2][1] }
    end
    out[#out + 1] = one
    at = at + 16 + length
  end
  return out
end

return events
