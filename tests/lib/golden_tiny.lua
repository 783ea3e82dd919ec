-- golden_tiny.lua — the recorded kinds of Tiny SAM-Med3D.
local ss = require "semisam"
local models = require "semisam.models"
local SoftMoe = require "semisam.models.tiny_moe"
local G = require "tests.lib.golden"
local P = require "tests.lib.golden_tiny_parts"
local S = require "tests.lib.golden_sam3d_parts"
local formula = require "semisam.formula"
local train = require "tests.lib.golden_sam3d_train"

local K = {}

K.block = function(case, report)
  local block, seen, io = P.block(report, case.info.config), {}, case.io
  block:load_state(case.weights)
  P.tap_block(seen, block, "mid.", "mid.windows")
  ss.no_grad(function()
    local x, r = io["in.tokens"], case.info.config.res
    local y = block(x:reshape { x:size(1), r, r, r, x:size(3) })
    seen["out.tokens"] = y:reshape(x.shape)
    G.check(report, seen, io, case.info.tolerances)
  end)
end

K.soft_moe = function(case, report)
  local c, io = case.info.config, case.io
  local moe = G.network(report, SoftMoe(c.dim, c.num_experts, c.slots_per_expert))
  moe:load_state(case.weights)
  local x = ss.keep(io["in.x"]:copy():requires_grad_(true))
  local b, m, got = x:size(1), x:size(2), {}
  local slots = { b, m, c.num_experts, c.slots_per_expert }
  ss.no_grad(function()
    local dispatch, combine = moe:route(x)
    got["mid.logits"] = moe:logits(x):reshape(slots)
    got["mid.dispatch"] = dispatch:transpose(2, 3):reshape(slots)
    got["mid.combine"] = combine:reshape(slots)
  end)
  G.tap(got, moe.experts, "mid.expert_out")
  local y = moe(x)
  got["out.y"] = y:detach()
  G.check(report, got, io, case.info.tolerances)
  if not case.grads then return end
  G.backward((y * io["in.grad_y"]):sum())
  local grads = { ["grad.in.x"] = G.grad(x) }
  G.grads(grads, moe, "")
  G.check(report, grads, case.grads, case.info.grad_tolerances)
end

-- Every k-th element of what is recorded as "<name>.sample".
local function add_samples(got, info)
  local k = info.sample and math.tointeger(info.sample:match("every (%d+)"))
  if not k then return end
  for name in pairs(info.tolerances) do
    local whole = got[name:match("^(.*)%.sample$")]
    if whole then got[name] = formula.sample(whole, k) end
  end
end

-- The volume of a case, recorded or, where it is not, filled by the formula.
local function image_of(case)
  local s = case.info.config.img_size
  return case.io["in.image"] or formula.tensor("input", { 1, 1, s, s, s }, 1)
end

K.prompted = function(case, report)
  local net, seen, io, info = P.build(report, case), {}, case.io, case.info
  net:load_state(case.weights)
  P.tap_encoder(seen, net.image_encoder)
  S.tap_decoder(seen, net)
  ss.no_grad(function()
    local got = S.prompted(net, image_of(case), io, info)
    for name, value in pairs(seen) do got[name] = value end
    add_samples(got, info)
    G.check(report, got, io, info.tolerances)
  end)
end

-- distill.py: sqrt of the mean squared distance of the embeddings' vectors.
local function distance(student, teacher)
  return (student - teacher):square():sum({ dims = { student.ndim } }):mean():sqrt()
end

-- Counters of batches have no tolerance: they are equal, and every buffer is recorded.
local function check_counters(report, got, io)
  for name, value in pairs(got) do
    if name:find("^out%.after%.") then
      local want = io[name]
      G.expect(report, want, name .. " is not recorded")
      if want and want.ndim == 0 then
        G.expect(report, value:item() == want:item(), name .. " differs")
      end
    end
  end
end

K.distillation = function(case, report)
  local enc, seen, io, info = P.build(report, case).image_encoder, {}, case.io, case.info
  enc:load_state(case.weights)
  enc:train()
  P.tap_encoder(seen, enc)
  local image = ss.keep(G.last(image_of(case)):copy():requires_grad_(true))
  local code = enc(image)
  local loss = distance(code, G.last(io["in.teacher"]))
  seen["out.image_embedding"], seen["out.loss"] = G.first(code:detach()),
    loss:detach():reshape { 1 }
  G.backward(loss)
  P.statistics(seen, enc)
  G.check(report, seen, io, info.tolerances)
  check_counters(report, seen, io)
  local grads = {}
  G.grads(grads, enc, "")
  grads["grad.in.image"] = G.first(G.grad(image))
  G.check(report, grads, case.grads, info.grad_tolerances)
end

K.interactive_training = function(case, report)
  local net, after = P.build(report, case), nil
  net:load_state(case.weights)
  net:train()
  train.steps(case, report, net, { lr = 4e-5, weight_decay = 0.1, trained = "^mask_decoder%." },
    function(got)
      P.statistics(got, net)
      after = got
    end)
  check_counters(report, after, case.io)
end

K.full_size = function(case, report)
  local c = case.info.config
  local net = G.network(report, models.new { "tiny_sam_med3d", num_experts = c.num_experts,
    slots_per_expert = c.slots_per_expert }:eval())
  S.full_size(case, report, net, P.tap_encoder)
end

return K
