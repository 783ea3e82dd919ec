-- UniMatch: FixMatch with two mixed strong views and a perturbation of features.
local ss = require "semisam"

return ss.extend(require "recipes.fixmatch", {
  name = "unimatch", method = { unimatch = true, cutmix = 0.5, drop = 0.5 },
  lambda = { max = 0.5 },
})
