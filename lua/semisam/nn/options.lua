-- nn/options.lua — trailing option tables: defaults filled in, misspelt names and values of another
-- type than the default refused (a default of false takes anything).
local M = {}

---The options given, completed by the defaults.
---@param who string name for the message
---@param opts table? what the caller gave
---@param defaults table every known option
---@param level integer? of the error, seen from here; 4 points at the maker of a module
---@return table
function M.check(who, opts, defaults, level)
  local full = {}
  for key, value in pairs(defaults) do full[key] = value end
  for key, value in pairs(opts or {}) do
    if defaults[key] == nil then
      local known = {}
      for name in pairs(defaults) do known[#known + 1] = tostring(name) end
      table.sort(known)
      error(("%s: unknown option %q, expected one of %s"):format(who, tostring(key),
        table.concat(known, ", ")), level or 4)
    end
    if defaults[key] ~= false and type(value) ~= type(defaults[key]) then
      error(("%s: option %q must be a %s, got %s"):format(who, tostring(key), type(defaults[key]),
        tostring(value)), level or 4)
    end
    full[key] = value
  end
  return full
end

---What is wrong with an option that must be one of some words; nil if nothing is.
---@param name string
---@param value any
---@param ... string the words
---@return string?
function M.one_of(name, value, ...)
  for _, known in ipairs { ... } do
    if value == known then return end
  end
  return ('%s must be "%s", got "%s"'):format(name, table.concat({ ... }, '" or "'),
    tostring(value))
end

return M
