-- SemiSAM on Mean Teacher, as the paper describes it: consistency on all volumes, and a generalist
-- that is clicked towards the student's mask and whose answer is followed most at the start. (The
-- released scripts click the true mask of unlabelled volumes; this does not.)
local ss = require "semisam"

return ss.extend(require "recipes.baseline", {
  name = "semisam_mt",
  loss = {
    sup = { ce = 1, dice = 1 }, samples = "all", view = "noise", noise = 0.1, balance = "none",
  },
  beta = { max = 0.05, ramp = "gaussian_down", epochs = 60 },
  pseudo = { n = 1, queue = { "clicks" }, clicks = 10, target = "hard", u_th = 0.25 },
})
