-- cache.lua — where results that take time to make are kept between runs.
local ss = require "semisam"
local preprocess = require "semisam.data.preprocess"
local system = require "semisam.system"

local caches = {}

--- The cache folder: the one given, else $SEMISAM_CACHE, else $XDG_CACHE_HOME/semisam or
--- ~/.cache/semisam.
---@param given string "" for the default
---@return string
function caches.root(given)
  if given and given ~= "" then return given end
  local own = os.getenv("SEMISAM_CACHE")
  if own and own ~= "" then return own end
  local xdg = os.getenv("XDG_CACHE_HOME")
  if xdg and xdg ~= "" then return xdg .. "/semisam" end
  return (os.getenv("HOME") or "/tmp") .. "/.cache/semisam"
end

--- The right to make `path`: a lock to close afterwards. Waits while another process makes it.
---@param path string
function caches.alone(path)
  ss.fs.mkdir(path:match("^(.*)/[^/]*$"))
  while true do
    local lock = ss.fs.lock(path .. ".lock")
    if lock then return lock end
    system.sleep(0.5)
  end
end

local Cache = {}
Cache.__index = Cache

--- The preprocessed cases below the cache folder.
---@param given string cache folder, "" for the default
function caches.open(given)
  local dir = caches.root(given) .. "/cases"
  ss.fs.mkdir(dir)
  return setmetatable({ db = ss.cache.open(dir) }, Cache)
end

-- The key of a case: the contents of its files and every setting. An unlabelled case has no label
-- file, so none is read here either.
local function key_of(case, opts)
  local parts = { preprocess.settings(opts) }
  for _, path in ipairs(case.channels) do parts[#parts + 1] = ss.fs.hash(path) end
  if case.label then parts[#parts + 1] = "label " .. ss.fs.hash(case.label) end
  return ss.hash(table.concat(parts, "\n"))
end

--- A preprocessed case, from the cache or made now.
---@return table {image, label, grid} as preprocess.case
function Cache:case(case, opts)
  local key = key_of(case, opts)
  local held = self.db:get(key)
  if held then
    return { image = held.image, label = held.label, grid = ss.json.decode(held.meta) }
  end
  local made = preprocess.case(case, opts)
  self.db:put(key, { image = made.image, label = made.label, meta = ss.json.encode(made.grid) })
  return { image = made.image, label = made.label, grid = made.grid }
end

return caches
