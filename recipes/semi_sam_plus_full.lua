-- Semi-SAM+ on volumes of 128^3 voxels of 0.5 mm: Slicing SAM3D learns, Tiny SAM-Med3D teaches,
-- with the method's own numbers, but for beta (docs/results.md says why). The teacher needs its
-- weights, the student's encoder should have some:
--
--   semisam recipes/semi_sam_plus_full.lua data=DIR \
--     student.weights=medsam_vit_b.pth generalists.1.weights=tiny_sam_med3d.pth
local ss = require "semisam"

return ss.extend(require "recipes.semi_sam_plus", {
  name = "semi_sam_plus_full",
  data = {
    phantoms = { train = 12, val = 4, test = 4, size = { 128, 128, 128 } },
    spacing = 0.5, size = { 128, 128, 128 },
  },
  batch = { labelled = 1, unlabelled = 1 },
  iters_per_epoch = 0,
  student = { "slicing_sam3d", weights = "" },
  generalists = { { "tiny_sam_med3d", weights = "" } },
  phases = {
    warmup = { epochs = 50 }, semi = { epochs = 120, patience = 30 }, finetune = { epochs = 50 },
  },
  pseudo = { n = 4 },
  every = { validate = 5, checkpoint = 200 },
})
