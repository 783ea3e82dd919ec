-- semisam preprocess: check a data folder and fill the cache.
local caches = require "semisam.data.cache"
local dataset = require "semisam.data.dataset"
local preprocess = require "semisam.data.preprocess"
local stores = require "semisam.data.store"

return {
  summary = "check a data folder and fill the cache of preprocessed cases",
  positional = { "data" },
  options = {
    data = { "input", required = true, doc = "nnU-Net, MSD or images/ + labels/ folder" },
    cache = { "string", default = "", doc = "cache folder" },
    normalise = { "string", default = "minmax", choices = { "minmax", "percentile", "zscore",
      "none" },
      doc = "brightness" },
    spacing = { "string", default = "keep", doc = "voxel side in mm to resample to, or keep" },
    true_spacing = { "number", min = 1e-6, max = 1e6,
      doc = "voxel side in mm where the header is wrong" },
    size = { "numbers", count = 3, min = 1, max = 4096, doc = "voxels z,y,x after crop or pad" },
    classes = { "integer", default = 1, min = 1, max = 255,
      doc = "1: inside or not; n: labels 0 to n - 1" },
    label_channel = { "integer", default = 1, min = 1, max = 65535, doc = "channel of 4-D labels" },
  },
  run = function(o)
    local settings = {}
    for key, default in pairs(preprocess.DEFAULTS) do
      settings[key] = o[key]
      if settings[key] == nil then settings[key] = default end
    end
    settings.spacing = tonumber(o.spacing) or o.spacing
    local set = dataset.open(o.data, { log = print })
    print(dataset.summary(set))
    local store = stores.new(settings, caches.open(o.cache))
    local done = 0
    for _, role in ipairs(dataset.ROLES) do
      for _, case in ipairs(set[role]) do
        local seen = store:get(case)
        local g = seen.grid
        done = done + 1
        print(("%-24s %-10s %s voxels -> %s"):format(case.id, role, table.concat(g.file, "x"),
          table.concat(g.size, "x")))
        store:forget(case)
      end
    end
    print(("%d cases ready"):format(done))
  end,
}
