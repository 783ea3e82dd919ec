-- golden_sam3d_train.lua — the recorded training step of SAM-Med3D: three interactions, gradients of
-- everything, one step of AdamW.
local ss = require "semisam"
local optim = require "semisam.optim"
local G = require "tests.lib.golden"
local P = require "tests.lib.golden_sam3d_parts"

local T = {}

-- MONAI's DiceCELoss(sigmoid, squared_pred) on [b, d, h, w, 1].
local function dice_ce(logits, target)
  local p, b = logits:sigmoid(), logits:size(1)
  local function over(x) return x:reshape { b, -1 }:sum { dims = { 2 } } end
  local dice = 1 - (over(p * target) * 2 + 1e-5) / (over(target * target) + over(p * p) + 1e-5)
  return dice:mean() + logits:bce_with_logits(target)
end

-- Limits of after_step: |g| > 1e-6 is held to 1e-3 lr + 1e-6 |value|, the rest to 1.01 lr around
-- the decayed value (the first step of Adam is lr times the sign of the gradient).
local function check_step(report, name, now, before, grad, want, lr)
  local worst = 0
  now, before, want = now:flat(), before:flat(), want:flat()
  for i = 1, #want do
    local limit = 1e-3 * lr + 1e-6 * math.abs(want[i])
    local target = want[i]
    if math.abs(grad and grad[i] or 0) <= 1e-6 then
      limit, target = 1.01 * lr + 1e-6, before[i] * (1 - 0.1 * lr)
    end
    worst = math.max(worst, math.abs(now[i] - target) / limit)
  end
  G.expect_f32(report, worst <= 1, ("after_step %s: %.3g of the limit"):format(name, worst))
end

local function unmoved(a, b) return (a - b):abs():sum():item() == 0 end

-- One step of AdamW, where its result is recorded. how: lr, weight_decay, groups of the optimiser;
-- trained: pattern of the parameters it has.
local function check_after(case, report, net, grads, how)
  if not case.after then return end
  local before, flat = {}, {}
  for name, p in net:named_parameters() do before[name] = p:detach():copy() end
  for name, x in pairs(grads) do flat[name] = x:flat() end
  for name, p in net:named_parameters() do
    if how.trained and not name:find(how.trained) then p:requires_grad_(false) end
  end
  optim.adamw(net, { lr = how.lr, weight_decay = how.weight_decay, groups = how.groups }):step()
  local state = net:state()
  for name, want in pairs(case.after) do
    local lr = how.lr
    for _, group in ipairs(how.groups or {}) do
      if name:find(group[1]) then lr = group.lr end
    end
    if not flat["grad." .. name] or how.trained and not name:find(how.trained) then
      G.expect(report, unmoved(state[name], before[name] or want), "after_step " .. name .. " moved")
    else
      check_step(report, name, state[name], before[name], flat["grad." .. name], want, lr)
    end
  end
end

---Interactions with gradients of everything and, where recorded, one step of the optimiser.
---@param how table see check_after
---@param more fun(got: table)? adds results
function T.steps(case, report, net, how, more)
  local io, info, c, got, total = case.io, case.info, case.info.config, {}, nil
  local image = ss.keep(P.to_door(io["in.image"]):copy():requires_grad_(true))
  local target = G.last(io["in.target"]:to("f32"))
  local code = net:encode(image)
  local embedding = code.embedding -- cut here to see its gradient; joined again after backward
  code.embedding = ss.keep(embedding:detach():requires_grad_(true))
  local g, step = 4 * net.grid, 0
  local mask = ss.zeros { image:size(1), g, g, g, 1 }
  got["mid.image_embedding"] = G.first(code.embedding:detach())
  while io[("out.step%d.loss"):format(step)] do
    local name = ("step%d."):format(step)
    local masks = net:decode_low(code, io["in." .. name .. "points"], io["in." .. name .. "labels"],
      mask)
    mask = masks:slice(5, 1, 1)
    local loss = dice_ce(P.full(mask, c.img_size), target)
    got["out." .. name .. "low_res_masks"] = G.first(mask:detach())
    got["out." .. name .. "loss"] = loss:detach():reshape { 1 }
    total, step = total and total + loss or loss, step + 1
  end
  got["out.loss"] = total:detach():reshape { 1 }
  if more then more(got) end
  G.check(report, got, io, info.tolerances)
  G.backward(total)
  embedding:backward(code.embedding.grad)
  local grads = {}
  G.grads(grads, net, "")
  grads["grad.mid.image_embedding"] = G.first(G.grad(code.embedding))
  grads["grad.in.image"] = G.first(G.grad(image):permute { 1, 4, 3, 2, 5 })
  G.check(report, grads, case.grads, info.grad_tolerances)
  for _, name in ipairs(info.parameters_without_grad or {}) do
    G.expect(report, not grads["grad." .. name], name .. " has a gradient, want none")
  end
  check_after(case, report, net, grads, how)
end

function T.interactive_training(case, report)
  local net = P.build(report, case)
  net:load_state(case.weights)
  T.steps(case, report, net, { lr = 8e-5, weight_decay = 0.1,
    groups = { { "^image_encoder%.", lr = 8e-4 } } })
end

return T
