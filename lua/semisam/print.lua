-- A tensor as a person reads it: a header, statistics and a corner of its elements, never more than
-- a few lines however large it is.
local ss = require "semisam.core"

local M = {}

local ROWS, COLUMNS, CLASSES = 6, 8, 12

---Bytes as text: "512 B", "3.8 MiB".
---@param n number
---@return string
function M.bytes(n)
  local units, i = { "B", "KiB", "MiB", "GiB", "TiB" }, 1
  while n >= 1024 and i < #units do n, i = n / 1024, i + 1 end
  return (i == 1 and "%d %s" or "%.1f %s"):format(n, units[i])
end

local function number(x)
  if x == nil then return "?" end
  if type(x) == "boolean" or math.type(x) == "integer" then return tostring(x) end
  if x ~= x then return "nan" end
  if x == math.huge or x == -math.huge then return x > 0 and "inf" or "-inf" end
  local a = math.abs(x)
  if a ~= 0 and (a < 1e-3 or a >= 1e6) then return ("%.3e"):format(x) end
  return (("%.4f"):format(x):gsub("(%.%d-)0+$", "%1"):gsub("%.$", ""))
end
M.number = number

---"f32 [2, 3, 4]  cpu  96 B", with what is special about it.
---@param x any tensor
---@return string
function M.header(x)
  local text = ("%s [%s]  %s  %s"):format(x.dtype, table.concat(x.shape, ", "), x.device,
    M.bytes(x.bytes))
  if x.requires_grad then text = text .. "  requires_grad" end
  return text
end

local function class_counts(counts, total)
  local values, parts = {}, {}
  for v in pairs(counts) do values[#values + 1] = v end
  table.sort(values)
  for i, v in ipairs(values) do
    if i > CLASSES then
      parts[#parts + 1] = ("... (%d values)"):format(#values)
      break
    end
    parts[#parts + 1] = ("%d: %d (%.1f %%)"):format(v, counts[v], 100 * counts[v] / total)
  end
  return table.concat(parts, "   ")
end

local function statistics(x)
  local s = ss._stats(x)
  if not s then return "  (no values on this device)" end
  local lines = {}
  if x.dtype == "bool" and s.counts then
    lines[1] = ("  true %d   false %d"):format(s.counts[1] or 0, s.counts[0] or 0)
    return lines[1]
  end
  if s.min then
    lines[1] = ("  min %s   mean %s   max %s   std %s"):format(number(s.min), number(s.mean),
      number(s.max), number(s.std))
  else
    lines[1] = "  no finite element"
  end
  if x.dtype:find("f") then lines[1] = ("%s   nan %d"):format(lines[1], s.nan) end
  if s.inf > 0 then lines[1] = ("%s   inf %d"):format(lines[1], s.inf) end
  if s.counts and next(s.counts, next(s.counts)) then
    lines[2] = "  " .. class_counts(s.counts, x.count)
  end
  return table.concat(lines, "\n")
end

-- The indices shown of an axis of n: all, or head and tail around a gap (0).
local function shown(n, most)
  local list = {}
  if n <= most then
    for i = 1, n do list[i] = i end
  else
    for i = 1, most // 2 do list[i] = i end
    list[#list + 1] = 0
    for i = n - most // 2 + 1, n do list[#list + 1] = i end
  end
  return list
end

-- Cells of the last two axes; the other axes stand at their middle.
local function grid(x, fixed)
  local shape, d = x.shape, #x.shape
  local rows = d >= 2 and shown(shape[d - 1], ROWS) or { 1 }
  local columns, cells, width = shown(shape[d], COLUMNS), {}, 1
  for r, i in ipairs(rows) do
    cells[r] = {}
    for c, j in ipairs(columns) do
      local at = table.move(fixed, 1, #fixed, 1, {})
      if d >= 2 then at[#at + 1] = i end
      at[#at + 1] = j
      cells[r][c] = i == 0 and "" or j == 0 and "..." or number(ss._peek(x, table.unpack(at)))
      width = math.max(width, #cells[r][c])
    end
    if i == 0 then cells[r] = { "..." } end
  end
  return cells, width
end

local function elements(x)
  local shape, d = x.shape, #x.shape
  local fixed, names = {}, {}
  for a = 1, d - 2 do
    fixed[a] = shape[a] // 2 + 1
    names[a] = tostring(fixed[a])
  end
  local cells, width = grid(x, fixed)
  local lines = {}
  if d > 2 then lines[1] = ("  [%s, :, :]"):format(table.concat(names, ", ")) end
  for _, row in ipairs(cells) do
    for c, text in ipairs(row) do row[c] = (" "):rep(width - #text) .. text end
    lines[#lines + 1] = "  " .. table.concat(row, "  ")
  end
  return table.concat(lines, "\n")
end

---A bounded summary of a tensor.
---@param x any tensor
---@return string
function M.tensor(x)
  if x.count == 0 then return M.header(x) .. "\n  empty" end
  if x.device:find "^meta" then return M.header(x) .. "\n  (no values on this device)" end
  if #x.shape == 0 then return M.header(x) .. "\n  " .. number(x:item()) end
  local here = x:detach():to("cpu")
  return table.concat({ M.header(x), statistics(here), elements(here) }, "\n")
end

return M
