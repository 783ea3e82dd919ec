-- FixMatch: sure answers on the weak view supervise the strong one.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", {
  name = "fixmatch", method = { "fixmatch", threshold = 0.95 },
  lambda = { max = 1, ramp = "constant" },
})
