-- Mean Teacher: Semi-SAM+ without its generalists.
local ss = require "semisam"

return ss.extend(require "recipes.semi_sam_plus", { name = "mean_teacher", beta = { max = 0 } })
