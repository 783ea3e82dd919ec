-- DAN: a critic holds answers on unlabelled volumes to the look of those on labelled ones.
local ss = require "semisam"

return ss.extend(require "recipes.baseline", {
  name = "dan", method = { "dan", filters = 16, lr = 1e-4 },
})
