-- DTC: the mask agrees with the signed distance that a second head regresses.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", {
  name = "dtc", method = { "dtc", steep = 1500, weight = 0.3 }, student = { sdf = true },
  loss = { sup = { ce = 0, dice = 1 } }, lambda = { max = 1 },
})
