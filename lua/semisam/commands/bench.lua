-- `semisam bench`: how fast the operations are on this machine, beside what bounds them.
local fail = require "semisam.fail"

return {
  summary = "measure the speed of the operations on this machine",
  positional = { "what" },
  options = {
    what = { "string", default = "ops", choices = { "ops" }, doc = "what to measure" },
    quick = { "boolean", doc = "small shapes, few turns: seconds instead of minutes" },
    filter = { "string", default = "", doc = "only lines whose name contains this" },
    turns = { "integer", default = 0, min = 0, max = 1000, doc = "measurements per line (0: 9)" },
  },
  details = [[
Every line times an operation and, in turns with it, what bounds it: the bare oneDNN call of the
same shapes with weights already in oneDNN's layout (wanted: 0.9 of its rate or more), or a copy
that moves as many bytes (wanted: 0.6 or more). `ratio` is the median over the turns. Memory for
results counts as part of the operation.]],
  run = function(o)
    local low, lines = require("semisam.bench.ops").run(o)
    if lines == 0 then fail.usage("bench: no line contains '%s'", o.filter) end
    print(o.quick and ("%d lines, too small to judge"):format(lines)
      or ("%d lines, %d below what is wanted"):format(lines, low))
  end,
}
