-- base64.lua — bytes as text, for pictures inside a page.
local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Two characters for every 12 bits.
local pair = {}
for i = 0, 63 do
  for k = 0, 63 do
    pair[64 * i + k] = ALPHABET:sub(i + 1, i + 1) .. ALPHABET:sub(k + 1, k + 1)
  end
end

--- Base64 (RFC 4648) with padding.
---@param bytes string
---@return string
return function(bytes)
  local out = {}
  local whole = #bytes - #bytes % 3
  for at = 1, whole, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    local v = a << 16 | b << 8 | c
    out[#out + 1] = pair[v >> 12] .. pair[v & 4095]
  end
  local a, b = bytes:byte(whole + 1, whole + 2)
  if a then
    local text = pair[a << 4 | (b or 0) >> 4]
    out[#out + 1] = b and text .. ALPHABET:sub((b & 15) * 4 + 1, (b & 15) * 4 + 1) .. "="
      or text .. "=="
  end
  return table.concat(out)
end
