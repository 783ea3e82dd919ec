-- semisam inspect: what is in a volume, a file of weights, a run folder or a data set.
local inspect = require "semisam.inspect"

return {
  summary = "show what a volume, a weights file, a run or a data set holds",
  positional = { "files" },
  options = {
    files = { "inputs", required = true, doc = "NIfTI, safetensors, run or data set" },
    data = { "boolean", default = true, doc = "also read the voxels (range, histogram)" },
    png = { "output", doc = "write slices of a volume here" },
    mask = { "input", doc = "labels drawn on the slices" },
  },
  run = function(o)
    for i, path in ipairs(o.files) do
      if i > 1 then print() end
      inspect.path(path, o)
    end
  end,
}
