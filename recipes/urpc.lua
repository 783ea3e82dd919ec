-- URPC: the levels of the decoder agree, where they are not too far apart.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", {
  name = "urpc", method = { "urpc" }, student = { deep = true },
})
