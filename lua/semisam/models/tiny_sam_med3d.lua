-- models/tiny_sam_med3d.lua — Tiny SAM-Med3D: SAM-Med3D with a small encoder, distilled from the
-- large one (tiny_vit3d.lua); prompts and decoder are those of SAM-Med3D (sam3d.lua).
--
-- Distilled weights hold the encoder alone, without prefix: net.image_encoder:load_state. The
-- official scripts build 8 experts for distillation and inference and 64 for fine-tuning; weights
-- fit only the number they were made with.
local sam3d = require "semisam.models.sam3d"
local tiny_vit3d = require "semisam.models.tiny_vit3d"

return sam3d.kind("tiny_sam_med3d", sam3d.defaults(tiny_vit3d.DEFAULTS), function(c)
  local grid = tiny_vit3d.grid(c, 5)
  return tiny_vit3d.encoder(c), grid
end)
