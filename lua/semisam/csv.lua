-- csv.lua — the tables of a run folder: one header line, then numbers, words and empty fields.
local csv = {}

--- Calls visit(row) for every line; a row maps names to numbers or words, empty fields are absent.
--- A line with another number of fields than the header (cut off by a kill) is passed over.
---@param path string
---@param visit fun(row: table)
---@return string[]? names nil when the file cannot be read
function csv.each(path, visit)
  local f = io.open(path, "r")
  if not f then return nil end
  local names = {}
  for name in (f:read("l") or ""):gmatch("[^,]+") do names[#names + 1] = name end
  for line in f:lines() do
    local row, i = {}, 0
    for field in (line .. ","):gmatch("([^,]*),") do
      i = i + 1
      if names[i] and field ~= "" then row[names[i]] = tonumber(field) or field end
    end
    if i == #names then visit(row) end
  end
  f:close()
  return names
end

--- All rows of a table; nil when the file cannot be read.
---@param path string
---@return table[]?
function csv.rows(path)
  local rows = {}
  return csv.each(path, function(row) rows[#rows + 1] = row end) and rows
end

return csv
