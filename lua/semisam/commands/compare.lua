-- semisam compare: runs side by side.
local compare = require "semisam.compare"
local fail = require "semisam.fail"
local ss = require "semisam"

-- Names that tell the runs apart: the last part of the folder, or all of it where two are alike.
local function name_apart(runs)
  local count = {}
  for _, run in ipairs(runs) do count[run.name] = (count[run.name] or 0) + 1 end
  for _, run in ipairs(runs) do
    if count[run.name] > 1 then run.name = run.dir end
  end
end

return {
  summary = "runs side by side: recipes, Dice, paired differences, curves",
  positional = { "runs" },
  options = {
    runs = { "inputs", required = true, doc = "run folders; the others are compared to the first" },
    png = { "output", default = "compare.png", doc = "the curves of all runs in one picture" },
    out = { "output", doc = "write the tables here, as Markdown" },
  },
  details = "Test cases are paired by name where their references have the same number of voxels. "
    .. "The interval is a bootstrap over cases, p is Wilcoxon's signed-rank test.",
  run = function(o)
    if #o.runs < 2 then fail.usage("compare: name at least two run folders") end
    local runs = {}
    for i, dir in ipairs(o.runs) do runs[i] = compare.read(dir) end
    name_apart(runs)
    local text = compare.results(runs) .. "\n\n" .. (compare.differences(runs)
      or "The recipes are the same.") .. "\n"
    io.write(text)
    if o.out then ss.fs.write(o.out, text) end
    if compare.picture(runs, o.png) then print("\nwritten: " .. o.png) end
  end,
}
