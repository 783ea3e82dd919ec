-- UA-MT: Mean Teacher where the teacher is certain.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", {
  name = "uamt", method = { "uamt", passes = 8, noise = 0.1, ramp = 60 },
  student = { dropout = 0.3 },
})
