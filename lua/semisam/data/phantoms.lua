-- phantoms.lua — the phantom set a recipe falls back on when no data folder is given: written once
-- as an nnU-Net folder below the cache, named by its settings. All training cases come with labels;
-- how many are seen is the recipe's n_labelled.
local ss = require "semisam"
local caches = require "semisam.data.cache"
local config_show = require "semisam.config_show"
local phantom_set = require "semisam.phantom_set"

local phantoms = {}

--- Path of the set with these settings; made now if it does not exist.
---@param opts table train, labelled, val, test, size, seed, family, ss.phantom's settings
---@param root string cache folder
function phantoms.folder(opts, root)
  local named = {}
  for key, value in pairs(opts) do named[key] = value end
  named.labelled = nil -- how many labels are shown does not change the set
  local dir = ("%s/phantoms-%s"):format(root, ss.hash(config_show.show(named)):sub(1, 16))
  if ss.fs.exists(dir) then return dir end
  local _ <close> = caches.alone(dir)
  if ss.fs.exists(dir) then return dir end
  phantom_set.write(dir, {
    cases = opts.train + opts.val + opts.test, labelled = opts.train, val = opts.val,
    test = opts.test, size = opts.size, seed = opts.seed, family = opts.family,
    settings = opts.settings,
  })
  return dir
end

return phantoms
