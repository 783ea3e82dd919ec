-- `semisam bench`: how fast operations, networks and training steps are on this machine.
local fail = require "semisam.fail"
local spell = require "semisam.spell"

-- Settings of a recipe are for `bench train` only.
local function no_settings(command, o)
  local word = o.changes[1]
  if not word then return end
  local key = word:match "^[^=]*"
  fail.usage("bench: unknown option '%s'%s; see `semisam help bench`", key,
    spell.hint(key, spell.keys(command.options)))
end

local function models(o)
  local bench = require "semisam.bench.models"
  if bench.run(o) > 0 then return end
  fail.usage("bench: no case is named '%s', expected one of %s", o.case ~= "" and o.case
    or o.filter, table.concat(bench.names(), ", "))
end

local function operations(o)
  local low, lines = require("semisam.bench.ops").run(o)
  if lines == 0 then fail.usage("bench: no line contains '%s'", o.filter) end
  print(o.quick and ("%d lines, too small to judge"):format(lines)
    or ("%d lines, %d below what is wanted"):format(lines, low))
end

local command = {
  summary = "measure the speed of operations, networks and training steps on this machine",
  usage = "bench [ops|models|train] [key=value ...]",
  positional = { "what" },
  settings = "changes",
  options = {
    what = { "string", default = "ops", choices = { "ops", "models", "train" },
      doc = "what to measure" },
    quick = { "boolean", doc = "small shapes, few turns: seconds instead of minutes" },
    filter = { "string", default = "", doc = "only lines whose name contains this" },
    turns = { "integer", default = 0, min = 0, max = 1000,
      doc = "measurements per line (0: 9, models 3, train 3 or 20)" },
    case = { "string", default = "", doc = "models: only this one" },
    dtype = { "string", default = "all", choices = { "all", "f32", "bf16", "f16" },
      doc = "models: only this element type; train: precision" },
    device = { "string", default = "cpu",
      doc = "models, train: where they compute; cuda for a GPU" },
    json = { "boolean", doc = "models, train: one line of JSON for each measurement" },
    profile = { "boolean", doc = "models: also the time of every operation" },
    size = { "string", default = "all", choices = { "all", "full", "quickstart" },
      doc = "train: which of its own recipes" },
    recipe = { "input", doc = "train: another recipe" },
  },
  details = [[
bench ops times every operation and, in turns with it, what bounds it: the bare oneDNN call of the
same shapes with weights already in oneDNN's layout (wanted: 0.9 of its rate or more), or a copy
that moves as many bytes (wanted: 0.6 or more). `ratio` is the median over the turns. Memory for
results counts as part of the operation.

bench models runs the networks at full size with weights made by a rule. `of peak` is their
arithmetic per second as a part of the best rate of one matrix product here; `tensors` the largest
memory of tensors, `process` what the whole process took beyond its start. After bf16 the tile unit
(AMX) is timed by itself: where it waits for its operands, probably for other programs on the same
cores, times are up to twice as long; compare with other programs in turns.

bench train runs steps of the training loop in the semi-supervised phase of a recipe, on its data or
on phantoms, and tells where the time goes. Words key.sub=value change the recipe's settings, as in
  semisam bench train size=full batch.unlabelled=2
  semisam bench train recipe=my.lua data=DIR turns=5
`products` is the part of the step that matrix products, convolutions and attention take in a stage.
Generalists without weights get made-up ones.]],
}

function command.run(o)
  if o.what == "ops" and o.device ~= "cpu" then
    fail.usage("bench: operations are not measured on another device, networks and training are")
  end
  require("semisam").memory(o.device) -- one that is not there is refused before the table begins
  if o.what == "train" then return require("semisam.bench.train").run(o) end
  no_settings(command, o)
  if o.what == "models" then
    if o.dtype == "f16" and o.device == "cpu" then
      fail.usage("bench: f16 is measured on a GPU; the processor is fast in f32 and bf16")
    end
    return models(o)
  end
  operations(o)
end

return command
