-- Entropy minimisation: answers to unlabelled volumes should be decided.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", { name = "entropy", method = { "entropy" } })
