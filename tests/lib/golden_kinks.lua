-- Gradients that hang on which side of zero one activation falls. In the case below a leaky ReLU of the
-- head out2 is given 9e-7 after normalisation, where sums in another order differ by as much: its
-- gradient is 1 or 0.01 times what comes from above, and so is everything before it. The processor
-- happens to round as the official code did; a GPU is held to what one element can change.
local ss = require "semisam"

local CASES = {
  ["slicing_sam3d/decoder_grads_ds"] = { "^grad%.decoder[345]%.", "^grad%.out2%.conv_pred%.0%.",
    "^grad%.in%.features$", "^gradient norm$" },
}
local PART = 0.01 -- of the largest gradient of the tensor

local M = {}

---The limit of a tensor as a part of its largest value, where the case has a kink before it and a
---GPU computes: the emulated one adds as the processor does.
---@param case string its folder, from the network on
---@param name string
---@return number?
function M.part(case, name)
  local index = ss.default_device():match "^cuda:?(%d*)$"
  if not index or ss.cuda(tonumber(index) or 0).name == "emulated" then return nil end
  for _, pattern in ipairs(CASES[case] or {}) do
    if name:find(pattern) then return PART end
  end
end

return M
