-- What a value typed on the command line means.
local M = {}

local MAX_DEPTH = 32

local parse_value

local function parse_list(text, at, depth)
  local out, n = {}, 0
  at = at + 1
  if depth > MAX_DEPTH then return nil, "tables nest too deep" end
  while true do
    at = text:match("^%s*()", at)
    if text:sub(at, at) == "}" then return out, at + 1 end
    local key, after = text:match("^([%a_][%w_]*)%s*=()", at)
    local value, stop = parse_value(text, after or at, "[,}]", depth + 1)
    if value == nil then return nil, stop end
    if key then
      out[key] = value
    else
      n = n + 1
      out[n] = value
    end
    at = text:match("^%s*()", stop)
    local c = text:sub(at, at)
    if c == "," then
      at = at + 1
    elseif c ~= "}" then
      return nil, ("expected ',' or '}' at character %d"):format(at)
    end
  end
end

-- Value at `at` up to a character of the class `stop` (or the end): value, position after it; or
-- nil and what is wrong.
function parse_value(text, at, stop, depth)
  at = text:match("^%s*()", at)
  local c = text:sub(at, at)
  if c == "{" then return parse_list(text, at, depth) end
  if c == '"' or c == "'" then
    local body, after = text:match("^([^" .. c .. "]*)" .. c .. "()", at + 1)
    if not body then return nil, "a quote is not closed" end
    return body, after
  end
  local word = stop and text:match("^[^,}]*", at) or text:sub(at)
  local after = at + #word
  word = word:match("^(.-)%s*$")
  if word == "" then return nil, "a value is missing" end
  if word == "true" or word == "false" then return word == "true", after end
  local number = tonumber(word)
  if number then return number, after end
  return word, after
end

---What `key=TEXT` on the command line means: a number, true, false, a "quoted" or bare string, or a
---{list, of, values} that may hold name=value. Nothing is evaluated.
---@param text string
---@return any value, string? problem
function M.value(text)
  local value, stop = parse_value(text, 1, nil, 1)
  if value == nil then return nil, stop end
  if stop <= #text and text:find("%S", stop) then
    return nil, ("unexpected '%s'"):format(text:sub(stop, stop + 20))
  end
  return value
end

return M
