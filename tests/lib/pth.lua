-- pth.lua — writes PyTorch checkpoints, good and hostile, byte by byte.
local pth = {}

local CRC = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c & 1 == 1 and 0xedb88320 ~ (c >> 1) or c >> 1 end
  CRC[i] = c
end

function pth.crc32(s)
  local c = 0xffffffff
  for i = 1, #s do c = CRC[(c ~ s:byte(i)) & 0xff] ~ (c >> 8) end
  return c ~ 0xffffffff
end

-- ---- zip ---------------------------------------------------------------------

-- Padding that puts the data at a multiple of 64, as torch.save does.
local function padding(at, name)
  local extra = (64 - (at + 30 + #name + 4) % 64) % 64
  return string.pack("<c2s2", "FB", ("Z"):rep(extra))
end

-- The local header, data and descriptor of entry e that begins at `at`.
local function entry(e, at)
  local data, name = e.data, e.name
  local crc = e.crc or pth.crc32(data)
  local flags = e.flags or 0x0808
  local later = flags & 8 ~= 0
  local extra = e.plain and "" or padding(at, e.local_name or name)
  local sizes = later and { 0, 0, 0 } or { crc, #data, #data }
  if e.local_sizes then sizes = { crc, e.local_sizes, e.local_sizes } end
  local head = string.pack("<I4I2I2I2I2I2I4I4I4I2I2", e.signature or 0x04034b50, 0,
    e.local_flags or flags,
    e.local_method or 0, 0, 0, sizes[1], sizes[2], sizes[3], #(e.local_name or name), #extra)
  local tail = later and string.pack("<c4I4I4I4", "PK\7\8", e.descriptor_crc or crc, #data, #data) or ""
  return head .. (e.local_name or name) .. extra .. data .. tail .. (e.gap or ""), crc
end

local function directory(e, at, crc)
  local size = e.size or #e.data
  local extra = ""
  local sizes, offset = { size, size }, e.at or at
  if e.zip64 then
    extra = string.pack("<I2I2I8I8I8", 1, 24, size, size, offset)
    sizes, offset = { 0xffffffff, 0xffffffff }, 0xffffffff
  end
  return string.pack("<I4I2I2I2I2I2I2I4I4I4I2I2I2I2I2I4I4", 0x02014b50, 0, 0, e.flags or 0x0808,
    e.method or 0, 0, 0, crc, e.stored or sizes[1], sizes[2], #e.name, #extra, 0, 0, 0, 0, offset)
    .. e.name .. extra
end

---A zip file of entries { name, data, ... }; the fields above make it lie. o: count, dir_at, zip64,
---before, after, comment; short, the count of the short end record.
function pth.zip(entries, o)
  o = o or {}
  local body, dir = { o.before or "" }, {}
  local at = #body[1]
  for _, e in ipairs(entries) do
    local text, crc = entry(e, at)
    body[#body + 1] = text
    dir[#dir + 1] = directory(e, at, e.directory_crc or crc)
    at = at + #text
  end
  local d = table.concat(dir)
  local n, dir_at = o.count or #entries, o.dir_at or at
  local ends = ""
  if o.zip64 then
    ends = string.pack("<I4I8I2I2I4I4I8I8I8i8", 0x06064b50, 44, 45, 45, 0, 0, n, n, o.dir_bytes or #d, dir_at)
      .. string.pack("<I4I4I8I4", 0x07064b50, 0, o.end64_at or at + #d, 1)
    n = o.short or n
    if o.zip64 == "all" then n, dir_at = 0xffff, 0xffffffff end
  end
  return table.concat(body) .. d .. ends .. string.pack("<I4I2I2I2I2I4I4I2", 0x06054b50, 0, 0, n, n,
    o.zip64 == "all" and 0xffffffff or #d, dir_at, #(o.comment or "")) .. (o.comment or "") .. (o.after or "")
end

-- ---- pickle --------------------------------------------------------------------

function pth.text(s) return "X" .. string.pack("<s4", s) end
function pth.global(module, name) return ("c%s\n%s\n"):format(module, name) end

function pth.int(n)
  if n >= 0 and n < 256 then return "K" .. string.char(n) end
  if n >= -(1 << 31) and n < 1 << 31 then return "J" .. string.pack("<i4", n) end
  return "\x8a\8" .. string.pack("<i8", n)
end

local function ints(list)
  local out = {}
  for i, n in ipairs(list) do out[i] = pth.int(n) end
  return "(" .. table.concat(out) .. "t"
end

function pth.storage(class, key, numel)
  return "(" .. pth.text "storage" .. pth.global("torch", class) .. pth.text(key) .. pth.text "cpu"
    .. pth.int(numel) .. "tQ"
end

local function contiguous(shape)
  local stride, n = {}, 1
  for i = #shape, 1, -1 do
    stride[i] = n
    n = n * shape[i]
  end
  return stride, n
end

---A tensor: { class = "FloatStorage", key = "0", shape, stride, offset, numel }.
function pth.tensor(t)
  local stride, n = contiguous(t.shape)
  return pth.global("torch._utils", "_rebuild_tensor_v2") .. "("
    .. pth.storage(t.class or "FloatStorage", t.key or "0", t.numel or n)
    .. pth.int(t.offset or 0) .. ints(t.shape) .. ints(t.stride or stride)
    .. "\x89" .. pth.global("collections", "OrderedDict") .. ")RtR"
end

---A dict of name, value, name, value ... (values are pickle code).
function pth.dict(list)
  local out = {}
  for i = 1, #list, 2 do out[#out + 1] = pth.text(list[i]) .. list[i + 1] end
  return "}(" .. table.concat(out) .. "u"
end

function pth.pickle(code) return "\x80\2" .. code .. "." end

-- ---- whole files ---------------------------------------------------------------------

---A zip checkpoint of pickle code and storages { "bytes of 0", "bytes of 1", ... }. `change` may
---edit the list of entries.
function pth.file(code, storages, change, o)
  local entries = { { name = "a/data.pkl", data = pth.pickle(code) } }
  for i, data in ipairs(storages or {}) do
    entries[#entries + 1] = { name = ("a/data/%d"):format(i - 1), data = data }
  end
  entries[#entries + 1] = { name = "a/version", data = "3\n" }
  if change then change(entries) end
  return pth.zip(entries, o)
end

---The older format. keys: storages in order as { key, bytes, element size }.
function pth.legacy(code, keys, o)
  o = o or {}
  local names, data = {}, {}
  for i, k in ipairs(keys) do
    names[i] = pth.text(k[1])
    data[i] = string.pack("<i8", k.numel or #k[2] // k[3]) .. k[2]
  end
  local magic = o.magic or "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
  return pth.pickle("\x8a" .. string.pack("s1", magic)) .. pth.pickle("M\xe9\3")
    .. pth.pickle(pth.dict { "protocol_version", "M\xe9\3", "little_endian", o.little or "\x88" })
    .. pth.pickle(code) .. pth.pickle("](" .. table.concat(names) .. "e") .. table.concat(data)
end

---float32 bytes.
function pth.floats(...)
  local out = {}
  for i, x in ipairs { ... } do out[i] = string.pack("<f", x) end
  return table.concat(out)
end

return pth
