-- A resolved recipe as Lua text, for the run folder and for reading.
local M = {}

local reserved = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch("%a+") do
  reserved[word] = true
end

local function number(v)
  if v ~= v then return "0/0" end
  if v == math.huge then return "math.huge" end
  if v == -math.huge then return "-math.huge" end
  if math.type(v) == "integer" then return tostring(v) end
  for digits = 6, 17 do
    local text = ("%%.%dg"):format(digits):format(v)
    if tonumber(text) == v then return text end
  end
end

local function origin(f)
  local info = debug.getinfo(f, "S")
  if info.what == "C" then return "C function" end
  return ("function at %s:%d"):format(info.short_src, info.linedefined)
end

local function key_text(k)
  if type(k) == "string" then
    if k:find("^[%a_][%w_]*$") and not reserved[k] then return k end
    return ("[%q]"):format(k)
  end
  return "[" .. tostring(k) .. "]"
end

-- List entries first, then names; settings before tables.
local function ordered(t)
  local keys = {}
  for k in pairs(t) do
    if not (math.type(k) == "integer" and k >= 1 and k <= #t) then keys[#keys + 1] = k end
  end
  table.sort(keys, function(a, b)
    local ta, tb = type(t[a]) == "table", type(t[b]) == "table"
    if ta ~= tb then return tb end
    return tostring(a) < tostring(b)
  end)
  return keys
end

local value

-- Items of a table as text; the second result says whether one of them is a comment.
local function items(t, indent, seen)
  local out, comment = {}, false
  for i = 1, #t do
    local text, is_comment = value(t[i], indent, seen)
    comment = comment or is_comment
    out[#out + 1] = is_comment and ("nil, -- [%d]: %s"):format(i, text) or text .. ","
  end
  for _, k in ipairs(ordered(t)) do
    local text, is_comment = value(t[k], indent, seen)
    comment = comment or is_comment
    out[#out + 1] = is_comment and ("-- %s: %s"):format(tostring(k), text)
      or ("%s = %s,"):format(key_text(k), text)
  end
  return out, comment
end

local function table_text(t, indent, seen)
  if next(t) == nil then return "{}" end
  if seen[t] then return "a table that contains itself", true end
  seen[t] = true
  local lines, comment = items(t, indent .. "  ", seen)
  seen[t] = nil
  local one = "{ " .. table.concat(lines, " "):gsub(",$", "") .. " }"
  if not comment and not one:find("\n") and #one + #indent <= 80 then return one end
  return ("{\n%s  %s\n%s}"):format(indent, table.concat(lines, "\n" .. indent .. "  "), indent)
end

-- Text of one value; true after it when the value has no Lua text and this is a remark.
function value(v, indent, seen)
  local kind = type(v)
  if kind == "number" then return number(v) end
  if kind == "string" then return (("%q"):format(v):gsub("\\\n", "\\n")) end
  if kind == "boolean" or kind == "nil" then return tostring(v) end
  if kind == "function" then return origin(v), true end
  if kind == "table" and getmetatable(v) == nil then return table_text(v, indent, seen) end
  return tostring(v):gsub("\n.*", " ..."), true
end

---Lua text that returns the settings of `t`, sorted. Functions and objects become comments that say
---where they are defined.
---@param t table
---@return string
function M.show(t)
  return "return " .. table_text(t, "", {}) .. "\n"
end

return M
