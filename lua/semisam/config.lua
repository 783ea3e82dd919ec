-- Recipes as data: extend one by changes, override settings from the command line, print it.
--
-- A recipe is a table of settings and functions. Changing it never adds a key: what may be set is
-- what the recipe already names. Five rules complete this:
--   * An empty table, or one marked by config.open, takes any keys.
--   * A default of false means "off" or "not given" and takes any value; false can be restored.
--   * A list ({ 96, 96, 96 }) is replaced as a whole, by a list of the same kind of entries.
--   * A function may stand where a word does (a ramp, say), and a word where a function does.
--   * A table that names its kind first ({ "sgd", lr = 0.01 }) is merged while the kind stays, and
--     replaced as a whole when the change names another.
local spell = require "semisam.spell"

local config = {
  show = require("semisam.config_show").show,
  value = require("semisam.config_value").value,
}

-- What a copied or marked table remembers: { open = bool, off = { key = true } }.
local traits = setmetatable({}, { __mode = "k" })

local MAX_DEPTH = 32

-- A table with a metatable is an object (a module, a description): it is shared, never merged.
local function plain(v) return type(v) == "table" and getmetatable(v) == nil end

local function is_list(t)
  local n = 0
  for k in pairs(t) do
    if math.type(k) ~= "integer" then return false end
    n = n + 1
  end
  return n > 0 and n == #t
end

local function join(path, key)
  return path == "" and tostring(key) or path .. "." .. tostring(key)
end

local function check_depth(depth)
  if depth > MAX_DEPTH then error(("tables nest deeper than %d levels"):format(MAX_DEPTH), 0) end
end

local function open(t) return next(t) == nil or (traits[t] and traits[t].open) or false end

local function copy(v, depth)
  if not plain(v) then return v end
  check_depth(depth)
  local out, off = {}, {}
  for k, x in pairs(v) do
    out[k] = copy(x, depth + 1)
    if x == false then off[k] = true end
  end
  for k in pairs(traits[v] and traits[v].off or off) do off[k] = true end
  traits[out] = { open = open(v), off = off }
  return out
end

local function describe(v)
  if type(v) == "string" then return ("the string %q"):format(v) end
  if type(v) == "table" then return plain(v) and is_list(v) and "a list" or "a table" end
  if type(v) == "function" then return "a function" end
  return ("the %s %s"):format(type(v), tostring(v))
end

local article = {
  number = "a number", string = "a string", boolean = "true or false", table = "a table",
  ["function"] = "a function",
}

local function where_else(t, key, path, depth, out)
  for k, v in pairs(t) do
    if plain(v) and depth < MAX_DEPTH then
      if v[key] ~= nil then out[#out + 1] = join(join(path, k), key) end
      where_else(v, key, join(path, k), depth + 1, out)
    end
  end
  table.sort(out)
  return out
end

local function unknown(root, t, path, key)
  local full = join(path, key)
  local elsewhere = where_else(root, key, "", 1, {})
  local near = spell.nearest(key, spell.keys(t))
  local hint
  if near then
    hint = ("; did you mean '%s'?"):format(join(path, near))
  elseif elsewhere[1] then
    hint = ("; did you mean '%s'?"):format(elsewhere[1])
  else
    hint = ("; %s has: %s"):format(path == "" and "the recipe" or "'" .. path .. "'",
      table.concat(spell.keys(t), ", "))
  end
  error(("unknown setting '%s'%s"):format(full, hint), 0)
end

local function check_list(old, new, path)
  for i, v in ipairs(new) do
    if type(v) ~= type(old[1]) and type(v) ~= type(old[math.min(i, #old)]) then
      error(("setting '%s[%d]' expects %s, got %s"):format(path, i, article[type(old[1])] or
        type(old[1]), describe(v)), 0)
    end
  end
end

local function check_type(old, new, path)
  if type(old) == type(new) then return end
  local kinds = { [type(old)] = true, [type(new)] = true }
  if kinds.string and kinds["function"] then return end
  local want = article[type(old)] or ("a " .. type(old))
  if plain(old) and is_list(old) then
    want = "a list such as {" .. tostring(old[1]) .. (#old > 1 and ", ..." or "") .. "}"
  elseif plain(old) then
    want = ("a table with %s"):format(table.concat(spell.keys(old), ", "))
  end
  error(("setting '%s' expects %s, got %s"):format(path, want, describe(new)), 0)
end

local merge

-- The new value of base[key] under a change.
local function merged(root, base, key, new, path, depth)
  local old = base[key]
  if old == nil or old == false then return copy(new, depth) end
  if new == false and (traits[base].off[key] or type(old) == "function") then
    traits[base].off[key] = true
    return false
  end
  if traits[base].off[key] then return copy(new, depth) end
  check_type(old, new, path)
  if not (plain(old) and plain(new)) then return copy(new, depth) end
  if open(old) then
    -- a list takes another's place, and so does a table whose first word names another kind
    local kinds = type(old[1]) == "string" and new[1] ~= nil and new[1] ~= old[1]
    if kinds or (is_list(old) and is_list(new)) then
      local out = copy(new, depth)
      traits[out] = { open = true, off = {} }
      return out
    end
    merge(root, old, new, path, depth + 1)
    return old
  end
  if is_list(old) then
    if next(new) ~= nil and not is_list(new) then
      error(("setting '%s' expects a list, got a table with %s"):format(path,
        table.concat(spell.keys(new), ", ")), 0)
    end
    check_list(old, new, path)
    return copy(new, depth)
  end
  local kind = new[1]
  if type(old[1]) == "string" and kind ~= nil and kind ~= old[1] then return copy(new, depth) end
  merge(root, old, new, path, depth + 1)
  return old
end

function merge(root, base, changes, path, depth)
  check_depth(depth)
  local free = open(base)
  for key, new in pairs(changes) do
    if base[key] == nil and not free and not traits[base].off[key] then
      unknown(root, base, path, key)
    end
    base[key] = merged(root, base, key, new, join(path, key), depth)
  end
end

---A deep copy of `base` with `changes` merged in. Unknown keys and values of another type are
---errors that name the key. Neither argument is changed; functions and objects are shared.
---@param base table
---@param changes table
---@return table
function config.extend(base, changes)
  if type(base) ~= "table" then
    error("extend: base should be a table, got " .. describe(base), 2)
  end
  if type(changes) ~= "table" then
    error("extend: changes should be a table, got " .. describe(changes), 2)
  end
  local out = config.copy(base)
  local ok, message = pcall(merge, out, out, changes, "", 1)
  if not ok then error("extend: " .. message, 2) end
  return out
end

---A deep copy that shares functions and objects.
---@param t table
---@return table
function config.copy(t) return copy(t, 1) end

---Marks `t` as taking any keys, not only those it has. Returns t.
---@param t table
---@return table
function config.open(t)
  traits[t] = { open = true, off = traits[t] and traits[t].off or {} }
  return t
end

local function split(assignment)
  local path, text = assignment:match("^([%w_][%w_.]*)=(.*)$")
  if not path or path:find("%.%.") or path:sub(-1) == "." then
    error(("expected key=value, got '%s'"):format(assignment:sub(1, 80)), 0)
  end
  local keys = {}
  for k in path:gmatch("[^.]+") do keys[#keys + 1] = math.tointeger(tonumber(k)) or k end
  return path, keys, text
end

local function apply(root, assignment)
  local path, keys, text = split(assignment)
  local t, so_far = root, ""
  for i = 1, #keys - 1 do
    local next_table = t[keys[i]]
    if next_table == nil and not open(t) then unknown(root, t, so_far, keys[i]) end
    so_far = join(so_far, keys[i])
    if next_table == nil then
      next_table = {}
      t[keys[i]], traits[next_table] = next_table, { open = true, off = {} }
    elseif not plain(next_table) then
      error(("setting '%s' is %s; it has no '%s'"):format(so_far, describe(next_table),
        keys[i + 1]), 0)
    end
    t = next_table
  end
  local key = keys[#keys]
  local value, problem = config.value(text)
  -- A string setting takes the text as it stands, also 007 or true.
  if type(t[key]) == "string" and not text:find("^%s*[\"']") then value = text end
  if value == nil then error(("setting '%s': %s"):format(path, problem), 0) end
  merge(root, t, { [key] = value }, so_far, #keys)
  return path
end

---A deep copy of `base` with overrides `key.sub=value` applied in order. The same key twice,
---unknown keys and values of another type are errors.
---@param base table
---@param assignments string[]
---@return table
function config.override(base, assignments)
  local out, seen = config.copy(base), {}
  for _, a in ipairs(assignments) do
    local path = apply(out, a)
    if seen[path] then error(("setting '%s' is given twice"):format(path), 0) end
    seen[path] = true
  end
  return out
end

return config
