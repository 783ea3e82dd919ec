-- The first file the program loads: where modules come from. Receives the root folder.
--
-- Order: the running script's folder, its parent, the folders of $SEMISAM_PATH (separated by ':'),
-- the program's own folders, then Lua's package.path. Only text is loaded, never compiled chunks.
local root = ...

local folders = {}
local sources -- strict's set, once that module is loaded

local function add(list, folder)
  if folder and folder ~= "" then list[#list + 1] = folder end
end

---Sets the folders searched before Lua's own; `script` may be nil.
local function search(script)
  local list = {}
  if script then
    local folder = script:match("^(.*)/[^/]*$") or "."
    add(list, folder)
    add(list, folder == "." and ".." or folder .. "/..")
  end
  for folder in (os.getenv("SEMISAM_PATH") or ""):gmatch("[^:]+") do add(list, folder) end
  add(list, root .. "/lua")
  add(list, root)
  folders = list
end

local function readable(path)
  local f = io.open(path, "rb")
  if not f then return false end
  local ok = f:read(0) ~= nil or f:seek("end") == 0 -- a folder opens, but cannot be read
  f:close()
  return ok
end

-- The chunk of a module file. A file that exists but does not compile is an error, as with Lua's
-- own searchers.
local function load_file(name, path)
  local chunk, message = loadfile(path, "t")
  if not chunk then
    error(("module '%s': %s"):format(name, message), 0)
  end
  if sources then sources["@" .. path] = true end
  return chunk, path
end

local function searcher(name)
  if name:find("[/\\%z]") or name:find("%.%.") then
    return ("\n\tno module can have the name '%s'"):format(name)
  end
  local file, tried = name:gsub("%.", "/"), {}
  for _, folder in ipairs(folders) do
    for _, tail in ipairs { ".lua", "/init.lua" } do
      local path = folder .. "/" .. file .. tail
      if readable(path) then return load_file(name, path) end
      tried[#tried + 1] = "no file '" .. path .. "'"
    end
  end
  local path = package.searchpath(name, package.path)
  if path then return load_file(name, path) end
  return "\n\t" .. table.concat(tried, "\n\t")
end

package.searchers[2] = searcher
search(nil)
local strict = require "semisam.strict"
sources = strict.sources
for _, name in ipairs { "strict", "spell" } do
  sources[("@%s/lua/semisam/%s.lua"):format(root, name)] = true
end
strict.install()
package.loaded["semisam.paths"] = {
  root = root,
  search = search,
  folders = function() return table.move(folders, 1, #folders, 1, {}) end,
}
