-- events.lua — an event file that TensorBoard reads, beside the CSV files of a run.
--
-- A file is a sequence of records: u64 length, u32 masked CRC32C of those 8 bytes, the bytes, u32
-- masked CRC32C of the bytes (TFRecord). The bytes are a protocol buffer `Event`: 1 wall_time, 2
-- step, 3 file_version, 5 summary { 1 value { 1 tag, 2 simple_value, 4 image } }, 7 session_log {
-- 1 status }.
local system = require "semisam.system"

local events = {}

-- CRC32C (Castagnoli), reflected.
local crc_table = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c & 1 == 1 and c >> 1 ~ 0x82f63b78 or c >> 1 end
  crc_table[i] = c
end

--- The checksum of a record: CRC32C, rotated and shifted so that a record inside a record differs.
---@param bytes string
---@return integer
function events.masked_crc(bytes)
  local c = 0xffffffff
  for i = 1, #bytes do c = c >> 8 ~ crc_table[(c ~ bytes:byte(i)) & 255] end
  c = c ~ 0xffffffff
  return ((c >> 15 | c << 17) + 0xa282ead8) & 0xffffffff
end

--- A record around some bytes.
function events.record(bytes)
  local length = string.pack("<I8", #bytes)
  return length .. string.pack("<I4", events.masked_crc(length)) .. bytes
    .. string.pack("<I4", events.masked_crc(bytes))
end

local function varint(n)
  local out = {}
  while n > 127 do
    out[#out + 1] = string.char(n & 127 | 128)
    n = n >> 7
  end
  return table.concat(out) .. string.char(n)
end

local VARINT, F64, BYTES, F32 = 0, 1, 2, 5

local function key(field, wire) return varint(field << 3 | wire) end
local function bytes_field(field, bytes) return key(field, BYTES) .. varint(#bytes) .. bytes end
local function int_field(field, n) return key(field, VARINT) .. varint(n) end

local Events = {}
Events.__index = Events

local function event(self, step, rest)
  local now = self.epoch + system.clock() - self.clock
  local body = key(1, F64) .. string.pack("<d", now) .. (step and int_field(2, step) or "") .. rest
  return events.record(body)
end

local function write(self, text)
  local ok, why = self.file:write(text)
  ok, why = ok and self.file:flush(), why
  if not ok then error(("%s: cannot be written: %s"):format(self.path, tostring(why)), 0) end
end

-- The number of this process.
local function pid()
  local f = io.open("/proc/self/stat", "r")
  local n = f and f:read("n")
  if f then f:close() end
  return n or 0
end

--- Begins an event file in a folder. A run that goes on begins another one; TensorBoard then drops
--- what the old file holds beyond `step`.
---@param dir string
---@param step integer steps done
---@return table
function events.new(dir, step)
  local epoch, own = os.time(), pid()
  local n, path = 0
  repeat
    path = ("%s/events.out.tfevents.%d.semisam.%d.%d"):format(dir, epoch, own, n)
    n = n + 1
  until not system.kind(path)
  local file, why = io.open(path, "wb")
  if not file then error(("%s: cannot be created: %s"):format(path, tostring(why)), 0) end
  local self = setmetatable({ path = path, file = file, epoch = epoch, clock = system.clock() },
    Events)
  local START = 1
  write(self, event(self, nil, bytes_field(3, "brain.Event:2"))
    .. event(self, step, bytes_field(7, int_field(1, START))))
  return self
end

--- Numbers of a step: pairs of tag and value in a list, so that files repeat.
---@param step integer
---@param list table[] { tag, number? }
function Events:scalars(step, list)
  local values = {}
  for _, pair in ipairs(list) do
    if pair[2] then
      values[#values + 1] = bytes_field(1, bytes_field(1, pair[1]) .. key(2, F32)
        .. string.pack("<f", pair[2]))
    end
  end
  if #values > 0 then write(self, event(self, step, bytes_field(5, table.concat(values)))) end
end

--- A picture: PNG bytes of width x height.
function Events:image(step, tag, png, width, height)
  local RGB = 3
  local image = int_field(1, height) .. int_field(2, width) .. int_field(3, RGB)
    .. bytes_field(4, png)
  write(self, event(self, step, bytes_field(5, bytes_field(1, bytes_field(1, tag)
    .. bytes_field(4, image)))))
end

function Events:close() self.file:close() end

-- Columns of log.csv and validation.csv under the tags of SSL4MIS; those it lacks follow its style.
local STEP = {
  { "info/total_loss", "loss" }, { "loss/loss", "loss" }, { "info/loss_ce", "sup_ce" },
  { "info/loss_dice", "sup_dice" }, { "info/supervised_loss", "sup" },
  { "info/consistency_loss", "con" }, { "info/consistency_weight", "lambda" },
  { "info/pseudo_loss", "rs" }, { "info/pseudo_weight", "beta" }, { "info/lr", "lr" },
  { "pseudo/confident", "conf" }, { "pseudo/confident_in_object", "conf_roi" },
  { "pseudo/dice_with_coarse", "pseudo_coarse" }, { "pseudo/u_th", "u_th" },
  { "info/grad_norm", "grad_norm" }, { "info/loss_scale", "scale" },
  { "time/seconds", "seconds" }, { "time/pseudo_seconds", "teacher_seconds" },
  { "time/wait_seconds", "wait_seconds" }, { "info/megabytes", "megabytes" },
}
local VALIDATION = {
  { "info/val_dice_score", "dice" }, { "info/val_dice_student", "dice_student" },
  { "info/val_loss", "loss" }, { "pseudo/val_dice", "pseudo" },
  { "pseudo/val_dice_coarse", "coarse" },
}

local function tagged(tags, row)
  local list = {}
  for i, t in ipairs(tags) do list[i] = { t[1], row[t[2]] or false } end
  return list
end

--- A row of log.csv.
function Events:step(row) self:scalars(row.step, tagged(STEP, row)) end

--- A row of validation.csv.
function Events:validated(row) self:scalars(row.step, tagged(VALIDATION, row)) end

return events
