-- A small promptable generalist, trained on phantoms of every shape except the target of the
-- studies. Semi-SAM+ does this by itself where no checkpoint is given; run it alone to get a file:
--
--   semisam recipes/pretrain_generalist.lua out=generalist.safetensors
local ss = require "semisam"
local aug = require "semisam.data.augment"
local open = require("semisam.config").open -- takes any keys

return {
  name = "pretrain_generalist", seed = 0, out = "generalist.safetensors",
  net = open { "prompt_unet", base = 8 },
  phantoms = open {
    cases = 400, size = { 32, 32, 32 }, family = "any", polarity = "mixed", tilt = { -180, 180 },
    fraction = { 0.01, 0.1 }, distractor = { 0.01, 0.06 },
  },
  geometry = { aug.flip { axes = { "d", "w" } }, aug.turn { beam = "h" } },
  strong = { aug.contrast {}, aug.noise {}, aug.speckle {}, aug.tgc {} },
  -- how an object is prompted: a degraded mask, mask and points, or 1 to `points` points
  prompt = { mask = 0.4, both = 0.1, points = 3, grow = 1.5, shift = 2, cut = 0.3, blob = 0.3 },
  batch = 2, steps = 3000, lr = 3e-3, weight_decay = 1e-4,
  every = 100, -- steps between two lines
  check = 20, -- phantoms of the unseen shape for the final Dice
  run = function(cfg)
    local pretrain = require "semisam.pretrain"
    local net, dice = pretrain.fit(cfg, print)
    pretrain.save(net, cfg.out, { format = 1, net = ss.models.facts(cfg.net), dice = dice })
    print("written: " .. cfg.out)
    return 0
  end,
}
