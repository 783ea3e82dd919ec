-- MC-Net+: three decoders on one encoder give each other's sharpened answer.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", {
  name = "mc_net", method = { "mc_net", temperature = 0.1 },
  student = { decoders = { "transposed", "linear", "nearest" } },
  loss = { sup = { ce = 0, dice = 0.5 } }, lambda = { max = 1 },
})
