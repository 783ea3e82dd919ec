-- step.lua — one step: the terms that the recipe's method gives, and their weighted sum
-- L_sup + lambda L_con + beta L_rs-con.
--
-- Without lambda and beta only the labelled batch is looked at. Since random numbers are counted,
-- leaving a term out changes nothing else: a method whose weights are 0 is the supervised recipe.
local step = {}

--- The terms of one micro-batch as tensors, and what to log. `index` counts micro-batches.
---@param run table
---@param index integer
---@param lambda number
---@param beta number
---@return table terms {sup, con?, rs?}
---@return table note numbers
function step.terms(run, index, lambda, beta)
  local batches = run.batches
  local l = run.stages:run("loader", batches.labelled, batches, index)
  if not (lambda > 0 or beta > 0) then
    local note = {}
    return { sup = run.method:supervised(run, l, index, note) }, note
  end
  local epoch = run.numbers.semi_steps / run.plan.steps_per_epoch
  local u = run.stages:run("loader", batches.unlabelled, batches, index)
  return run.method:terms(run, l, u,
    { lambda = lambda, beta = beta, index = index, epoch = epoch })
end

--- The weighted sum that is minimised.
function step.total(terms, lambda, beta)
  local total = terms.sup
  if terms.con then total = total + terms.con * lambda end
  if terms.rs then total = total + terms.rs * beta end
  return total
end

return step
