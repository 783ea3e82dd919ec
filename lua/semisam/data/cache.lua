-- cache.lua — where results that take time to make are kept between runs.
local ss = require "semisam"
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

--- The store of preprocessed cases below the cache folder; nil keeps them in memory only.
function caches.open(_) return nil end

return caches
