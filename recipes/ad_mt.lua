-- AD-MT: two teachers that follow the student by turns.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", {
  name = "ad_mt", method = { "ad_mt", threshold = 0.8, period = 20 }, lambda = { max = 2 },
})
