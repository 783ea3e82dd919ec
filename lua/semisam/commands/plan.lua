-- `semisam plan`: what a recipe will need on a GPU, told by a machine that need not have one.
local gpus = require "semisam.gpus"

return {
  summary = "tell the memory and time that a recipe needs on a GPU",
  positional = { "recipe" },
  options = {
    recipe = { "input", required = true, doc = "recipe file" },
    device = { "string", required = true, choices = gpus.names(), doc = "the card" },
    json = { "boolean", doc = "one line of JSON" },
  },
  settings = "changes",
  details = [[
The recipe's own steps run on a device that computes nothing: every operation asks the allocator for
the memory it would have on a GPU, and its time is modelled from its arithmetic and its traffic.
`in use` is the most that tensors, packed weights and scratch take at once, `taken` what the process
holds of the card, freed blocks that wait for reuse included. max_gb=N is the limit instead of the
card's memory; status 1 when it does not suffice.

  semisam plan recipes/semi_sam_plus_full.lua device=titanv precision=f16 max_gb=7]],
  run = function(o) return require("semisam.plan").run(o) end,
}
