-- `semisam bench`: how fast the operations are on this machine, beside what bounds them.
local fail = require "semisam.fail"

return {
  summary = "measure the speed of operations and networks on this machine",
  positional = { "what" },
  options = {
    what = { "string", default = "ops", choices = { "ops", "models" }, doc = "what to measure" },
    quick = { "boolean", doc = "small shapes, few turns: seconds instead of minutes" },
    filter = { "string", default = "", doc = "only lines whose name contains this" },
    turns = { "integer", default = 0, min = 0, max = 1000,
      doc = "measurements per line (0: 9, models 3)" },
    case = { "string", default = "", doc = "models: only this one" },
    dtype = { "string", default = "all", choices = { "all", "f32", "bf16" },
      doc = "models: only this element type" },
    device = { "string", default = "cpu", doc = "models: where they compute; cuda for a GPU" },
    json = { "boolean", doc = "models: one line of JSON for each measurement" },
    profile = { "boolean", doc = "models: also the time of every operation" },
  },
  details = [[
bench models runs the networks at full size with weights made by a rule. `of peak` is their
arithmetic per second as a part of the best rate of one matrix product here; `tensors` the largest
memory of tensors, `process` what the whole process took beyond its start.

bench ops times every operation and, in turns with it, what bounds it: the bare oneDNN call of the
same shapes with weights already in oneDNN's layout (wanted: 0.9 of its rate or more), or a copy
that moves as many bytes (wanted: 0.6 or more). `ratio` is the median over the turns. Memory for
results counts as part of the operation.]],
  run = function(o)
    if o.what ~= "models" and o.device ~= "cpu" then
      fail.usage("bench: only the networks are measured on another device, not %s", o.what)
    end
    require("semisam").memory(o.device) -- one that is not there is refused before the table begins
    if o.what == "models" then
      local models = require "semisam.bench.models"
      if models.run(o) > 0 then return end
      fail.usage("bench: no case is named '%s', expected one of %s", o.case ~= "" and o.case
        or o.filter, table.concat(models.names(), ", "))
    end
    local low, lines = require("semisam.bench.ops").run(o)
    if lines == 0 then fail.usage("bench: no line contains '%s'", o.filter) end
    print(o.quick and ("%d lines, too small to judge"):format(lines)
      or ("%d lines, %d below what is wanted"):format(lines, low))
  end,
}
