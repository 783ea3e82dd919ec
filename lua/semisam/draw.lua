-- Pictures: slices of volumes with contours, cases of a validation, curves of a training. All are
-- PNG files that appear complete or not at all.
local draw = {
  show = require("semisam.draw.slices").show,
  cases = require("semisam.draw.slices").cases,
  curves = require("semisam.draw.plot").curves,
  canvas = require("semisam.canvas").new,
}

return draw
