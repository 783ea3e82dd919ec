-- validate.lua — Dice of a network on cases with a label, on the preprocessed grid.
local ss = require "semisam"
local infer = require "semisam.infer"
local losses = require "semisam.losses"

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

-- L_sup of foreground probabilities [1, .., f] that windows were averaged into; the network's
-- logits are not kept.
local function loss_of(p, truth, classes, weight)
  local total = 0
  local eps = 1e-7 -- of the f32 logarithm
  local y = {}
  for k = 1, classes do y[k] = truth:eq(k):to("f32") end
  local all = #y == 1 and y[1] or ss.cat(y, -1)
  if weight.ce ~= 0 then
    local rest = (1 - p:sum { dims = { -1 }, keepdim = true }):clamp(eps, 1)
    local none = 1 - all:sum { dims = { -1 }, keepdim = true }
    local log_p = (all * p:clamp(eps, 1):log()):sum() + (none * rest:log()):sum()
    total = total - weight.ce * log_p:item() / truth.count
  end
  if weight.dice ~= 0 then
    total = total + weight.dice * losses.soft_dice(p, all, weight):item()
  end
  return total
end

--- Mean over cases of the mean over foreground classes. `stop` is asked before each case; when it
--- says true nothing is returned.
---@param net table module
---@param store table
---@param cases table[]
---@param cfg table
---@param stop? fun(): boolean
---@return number? mean nil without cases
---@return number[] per_case
---@return number? loss mean of L_sup over the cases
function validate.run(net, store, cases, cfg, stop)
  local total, per_case, loss = 0, {}, 0
  for i, case in ipairs(cases) do
    if stop and stop() then return nil, per_case end
    local cost
    per_case[i], cost = ss.no_grad(ss.scoped, function()
      local p = infer.probabilities(net, store:image(case), infer.options(cfg))
      local truth = store:label(case)
      local dice = validate.dice(infer.labels(p):to("f32"), truth, p.shape[5])
      local sum = 0
      for _, d in ipairs(dice) do sum = sum + d end
      return sum / #dice, loss_of(p, truth, p.shape[5], cfg.loss.sup)
    end)
    total, loss = total + per_case[i], loss + cost
  end
  if #cases == 0 then return nil, per_case end
  return total / #cases, per_case, loss / #cases
end

return validate
