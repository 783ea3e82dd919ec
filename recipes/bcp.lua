-- BCP: labelled and unlabelled volumes are pasted into each other, after a start among labels.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", {
  name = "bcp", method = { "bcp", part = 2 / 3 },
  phases = { warmup = { epochs = 7 }, semi = { epochs = 53 } },
  lambda = { max = 0.5, ramp = "constant" }, ema = { alpha = 0.99, warm = false },
})
