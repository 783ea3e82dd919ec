-- semisam inspect: what is in a volume, a checkpoint, a run folder or a data set.
local inspect = require "semisam.inspect"

return {
  summary = "show what a volume, a checkpoint, a run or a data set holds",
  positional = { "files" },
  options = {
    files = { "inputs", required = true, doc = "NIfTI, PyTorch or safetensors, run or data set" },
    data = { "boolean", default = true, doc = "also read the values (range, histogram)" },
    png = { "output", doc = "write slices of a volume here" },
    container = { "string", doc = "of a checkpoint: the dict to list; \"\" lists all" },
    mask = { "input", doc = "labels drawn on the slices" },
  },
  run = function(o)
    for i, path in ipairs(o.files) do
      if i > 1 then print() end
      inspect.path(path, o)
    end
  end,
}
