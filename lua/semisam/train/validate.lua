-- validate.lua — Dice of a network on cases with a label, on the preprocessed grid.
local ss = require "semisam"
local infer = require "semisam.infer"

local validate = {}

--- Dice of each foreground class: 2 |A and B| / (|A| + |B|), 1 where both are empty.
---@param predicted semisam.tensor whole numbers [.., 1]
---@param truth semisam.tensor same shape
---@param classes integer foreground classes
---@return number[]
function validate.dice(predicted, truth, classes)
  local out = {}
  for k = 1, classes do
    local a, b = predicted:eq(k):to("f32"), truth:eq(k):to("f32")
    local size = (a:sum() + b:sum()):item()
    out[k] = size > 0 and 2 * (a * b):sum():item() / size or 1
  end
  return out
end

--- Mean over cases of the mean over foreground classes.
---@param net table module
---@param store table
---@param cases table[]
---@param cfg table
---@return number? mean nil without cases
---@return number[] per_case
function validate.run(net, store, cases, cfg)
  local total, per_case = 0, {}
  for i, case in ipairs(cases) do
    per_case[i] = ss.no_grad(ss.scoped, function()
      local p = infer.probabilities(net, store:image(case), { window = cfg.data.patch })
      local dice = validate.dice(infer.labels(p):to("f32"), store:label(case), p.shape[5])
      local sum = 0
      for _, d in ipairs(dice) do sum = sum + d end
      return sum / #dice
    end)
    total = total + per_case[i]
  end
  return #cases > 0 and total / #cases or nil, per_case
end

return validate
