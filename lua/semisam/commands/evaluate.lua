-- semisam evaluate: masks against references.
local evaluation = require "semisam.evaluation"
local fail = require "semisam.fail"
local layouts = require "semisam.data.layouts"
local ss = require "semisam"

-- Pairs of files: two files, or two folders matched by case name.
local function pairs_of(pred, ref)
  if not ss.fs.is_dir(pred) and not ss.fs.is_dir(ref) then
    return { { case = pred:match("[^/]*$"), prediction = pred, reference = ref } }
  end
  if not (ss.fs.is_dir(pred) and ss.fs.is_dir(ref)) then
    fail.usage("evaluate: %s and %s should both be files or both be folders", pred, ref)
  end
  local files, names = layouts.files_of(pred)
  local references = layouts.files_of(ref)
  local out, missing = {}, {}
  for _, id in ipairs(names) do
    if references[id] then
      out[#out + 1] = { case = id, prediction = files[id], reference = references[id] }
    else
      missing[#missing + 1] = id
    end
  end
  if #missing > 0 and #out > 0 then
    io.stderr:write(("evaluate: no reference for %d predictions: %s\n"):format(#missing,
      table.concat(missing, " ", 1, math.min(8, #missing))))
  end
  if #out == 0 then fail.data("evaluate: no case of %s has a reference in %s", pred, ref) end
  return out
end

return {
  summary = "Dice, IoU, HD95 and ASD of masks against references",
  positional = { "pred", "ref" },
  options = {
    pred = { "input", required = true, doc = "mask, or folder of masks" },
    ref = { "input", required = true, doc = "reference mask, or folder" },
    out = { "output", doc = "folder for summary.json and metrics.csv" },
    classes = { "integer", default = 1, min = 1, max = 255,
      doc = "1: inside or not; n: labels 0 to n - 1" },
    label_channel = { "integer", default = 1, min = 1, max = 65535,
      doc = "channel of 4-D references" },
    spacing = { "number", min = 1e-6, max = 1e6,
      doc = "voxel side in mm where the header is wrong" },
    compat = { "string", choices = { "medpy" }, doc = "repeat the tables of SSL4MIS: voxel units" },
  },
  run = function(o)
    local result = evaluation.run(pairs_of(o.pred, o.ref), {
      classes = o.classes, label_channel = o.label_channel, spacing = o.spacing, compat = o.compat,
    })
    print(evaluation.text(result))
    if o.out then evaluation.save(result, o.out) end
  end,
}
