-- The labels alone, with the same network, steps and augmentation.
local ss = require "semisam"

return ss.extend(require "recipes.semi_sam_plus", {
  name = "supervised", lambda = { max = 0 }, beta = { max = 0 },
})
