-- The frame of the methods that Semi-SAM+ is compared with: its data, network, augmentation,
-- optimiser and number of steps, in one phase, with the usual ramp of the unlabelled term. Each
-- baseline names its method and what its paper sets otherwise. Alone it is Mean Teacher so ramped.
local ss = require "semisam"

return ss.extend(require "recipes.semi_sam_plus", {
  name = "baseline",
  phases = { warmup = { epochs = 0 }, semi = { epochs = 60 }, finetune = { epochs = 0 } },
  lambda = { max = 0.1, ramp = "gaussian", epochs = 60 },
  beta = { max = 0 },
})
