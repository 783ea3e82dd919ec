-- A step of every recipe on a CUDA device, held against the same step on the processor: the terms
-- of the loss, the length of the gradient and the weights afterwards.
--
-- Run by test_train.lua with the emulated module, and on a GPU by hand.
local advance = require "semisam.train.advance"
local ss = require "semisam"
local t = require "tests.lib.t"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"

local RECIPES = {
  "supervised", "mean_teacher", "semi_sam_plus", "uamt", "ict", "cps", "fixmatch", "unimatch", "dan",
  "entropy", "urpc", "dtc", "mc_net", "bcp", "ad_mt", "semisam_mt",
}

-- One step of the semi-supervised phase: its row of the log, and the trained tensors.
local function one_step(name, device)
  local dir = t.tmpdir()
  local cfg = tiny.recipe(name, dir, "run", { "device=" .. device, "quiet=true", "data.workers=0",
    "pseudo.n=1", "pseudo.min_voxels=1" })
  return ss.on(device, ss.scoped, function()
    local r, row = train.build(cfg), nil
    r.log = { step = function(_, x) row = x end }
    r.report = { step = function() end }
    for i, p in ipairs(r.plan) do
      if p.name == "semi" then r.numbers.phase = i end
    end
    r.numbers.semi_steps = 2 * r.plan.steps_per_epoch
    advance(r)
    r.batches:close()
    local weights = {}
    for at, p in r.student:named_parameters() do weights[at] = p:to("cpu"):flat() end
    return { row = row, weights = weights }
  end)
end

-- The largest difference over all weights, as a part of the largest change a step can make.
local function apart(a, b)
  local most = 0
  for name, list in pairs(a) do
    for i, v in ipairs(list) do most = math.max(most, math.abs(v - b[name][i])) end
  end
  return most
end

local have, why = pcall(ss.memory, "cuda")

for _, name in ipairs(RECIPES) do
  t.test(name, function()
    if not have then return t.skip(tostring(why)) end
    local cpu, cuda = one_step(name, "cpu"), one_step(name, "cuda")
    for _, term in ipairs { "loss", "sup", "con", "rs", "grad_norm" } do
      local want, got = cpu.row[term], cuda.row[term]
      t.eq(got ~= nil, want ~= nil, term .. " is there")
      if want then t.near(got, want, 2e-4 * math.max(1, math.abs(want)), term) end
    end
    -- AdamW moves a weight by about lr whatever its gradient: signs of tiny ones may differ
    local d = apart(cpu.weights, cuda.weights)
    assert(d <= 2.1 * cpu.row.lr, ("weights differ by %.3g, the rate is %.3g"):format(d, cpu.row.lr))
  end)
end

t.done()
