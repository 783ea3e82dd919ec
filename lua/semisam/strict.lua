-- Undeclared global names are errors in the files of the library, in scripts and in recipes.
-- Chunks from elsewhere (the prompt, modules of luarocks) keep Lua's usual rules.
local spell = require "semisam.spell"

local strict = { sources = {} }

local function checked(level)
  local info = debug.getinfo(level + 1, "S")
  return info and strict.sources[info.source]
end

---Makes the chunk named `source` ("@path") subject to the rule.
---@param source string
function strict.add(source) strict.sources[source] = true end

---Installs the rule.
function strict.install()
  setmetatable(_G, {
    __index = function(_, key)
      if checked(2) then
        error(("undeclared name '%s'%s"):format(tostring(key),
          spell.hint(tostring(key), spell.keys(_G))), 2)
      end
    end,
    __newindex = function(t, key, value)
      if checked(2) then
        error(("undeclared name '%s'; write `local %s`"):format(tostring(key), tostring(key)), 2)
      end
      rawset(t, key, value)
    end,
  })
end

return strict
