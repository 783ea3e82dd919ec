-- npy.lua — reads .npy files of little-endian float32 in C order (NumPy's format 1.0).
local npy = {}

---The array as a tensor.
---@param path string
---@return semisam.tensor
function npy.read(path)
  local ss = require "semisam"
  local bytes = ss.fs.read(path)
  local header = bytes:sub(1, 8) == "\x93NUMPY\1\0" and string.unpack("<s2", bytes, 9)
  if not header or not header:find("'descr': '<f4'", 1, true)
    or not header:find("'fortran_order': False", 1, true) then
    error(path .. ": not a C-ordered float32 array of format 1.0")
  end
  local shape, count = {}, 1
  for n in header:match("'shape': %(([%d, ]*)%)"):gmatch "%d+" do
    shape[#shape + 1] = math.tointeger(tonumber(n))
    count = count * shape[#shape]
  end
  local values, at = {}, 11 + #header
  if #bytes ~= at - 1 + 4 * count then error(path .. ": cut off") end
  for i = 1, count do values[i], at = string.unpack("<f", bytes, at) end
  return ss.tensor(values):reshape(shape)
end

return npy
