-- The generalists alone on the test cases, prompted by one point in the core of the true object:
-- what a perfect prompt would bring. An upper line of the studies, no method: it reads test labels.
local ss = require "semisam"

local recipe = ss.extend(require "recipes.semi_sam_plus", {
  name = "generalist_alone", pseudo = { n = 1, queue = { "points" } },
})

function recipe.run(cfg) return require("semisam.oracle").run(cfg) end

return recipe
