-- CPS: two networks teach each other.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", { name = "cps", method = { "cps" } })
