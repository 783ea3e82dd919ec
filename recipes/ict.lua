-- ICT: mixes of volumes get mixes of answers.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", { name = "ict", method = { "ict", alpha = 0.2 } })
