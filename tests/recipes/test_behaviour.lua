-- How training behaves: it can learn, it cannot learn noise, threads and loaders change nothing,
-- frozen parts stay frozen, the guard and the choices of Algorithm 2 do what they say.
local t = require "tests.lib.t"
local ss = require "semisam"
local step = require "semisam.train.step"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"
local validate = require "semisam.train.validate"

local LIVE = { leaks = false } -- the networks of a run live as long as the table `run`

local function fit(dir, name, out, more)
  local words = { "quiet=true" }
  table.move(more or {}, 1, #(more or {}), 2, words)
  return train.fit(tiny.recipe(name, dir, out, words))
end

-- 200 steps on one labelled volume, no augmentation.
local OVERFIT = {
  "data.phantoms={train=1, labelled=1, val=1, test=1, size={16,16,16}, seed=3, family=target}",
  "student={unet3d, base=2, levels=3}", "batch.labelled=1", "phases.warmup.epochs=20", "phases.semi.epochs=0",
  "phases.finetune.epochs=0", "phases.warmup.lr=0.01", "iters_per_epoch=10", "weak={}", "strong={}",
  "every={validate=10, checkpoint=1000}" }

-- Dice of the averaged weights on the labelled cases.
local function train_dice(run)
  return validate.run(run.shadow.net, run.store, run.set.labelled, run.cfg)
end

local function replace_label(run)
  local path = run.set.labelled[1].label
  local old = ss.nifti_read(path, { as = "label" })
  ss.nifti_write(path, ss.uniform(old.shape, 9):gt(0.5):to "u8", { like = old })
end

t.test("one volume can be learnt by heart; noise in its place cannot", function()
  local dir = t.tmpdir()
  local run = fit(dir, "supervised", "a", OVERFIT)
  t.ok(train_dice(run) > 0.95, ("train Dice %.3f"):format(train_dice(run)))
  replace_label(run)
  local noise = fit(dir, "supervised", "b", OVERFIT)
  t.ok(train_dice(noise) < 0.9, ("train Dice on noise %.3f"):format(train_dice(noise)))
end, LIVE)

t.test("each baseline raises the Dice of what it is shown", function()
  local dir = t.tmpdir()
  for _, name in ipairs { "uamt", "ict", "cps", "unimatch", "dan", "entropy", "urpc", "dtc", "mc_net", "bcp",
    "ad_mt", "semisam_mt" } do
    local run = fit(dir, name, name, { "student={unet3d, base=4, levels=3}", "iters_per_epoch=20",
      "strong={}", "phases.warmup.epochs=0", "phases.semi.epochs=3", "phases.semi.lr=0.01",
      "phases.finetune.epochs=0",
      "lambda.epochs=3", "weak={}", "every={validate=1, checkpoint=1000}", "ema.warm=true" })
    local first = io.open(dir .. "/" .. name .. "/log.csv"):read("a"):match "\n1,[^\n]*"
    t.ok(first and not first:find "nan", name)
    t.ok(train_dice(run) > 0.4, ("%s: train Dice %.3f"):format(name, train_dice(run)))
  end
end, LIVE)

t.test("loaders and threads change nothing", function()
  local dir = t.tmpdir()
  local a = fit(dir, "semi_sam_plus", "a", { "data.workers=0" })
  for i, workers in ipairs { 1, 4 } do
    local b = fit(dir, "semi_sam_plus", "b" .. i, { "data.workers=" .. workers })
    t.eq(tiny.weights(b), tiny.weights(a), workers .. " loader threads")
    t.eq(tiny.log(dir .. "/b" .. i), tiny.log(dir .. "/a"))
  end
  local program = os.getenv "SEMISAM" or "build/dev/semisam"
  for threads = 1, 2 do
    local words = tiny.words(dir, "t" .. threads, { "quiet=true" })
    for i, w in ipairs(words) do words[i] = "'" .. w .. "'" end
    t.ok(os.execute(("%s --threads %d recipes/semi_sam_plus.lua %s >/dev/null 2>&1"):format(program, threads,
      table.concat(words, " "))))
  end
  local one, two = tiny.log(dir .. "/t1"), tiny.log(dir .. "/t2")
  local of_one, of_two = one:gmatch "[^,\n]+", two:gmatch "[^,\n]+"
  for a_field in of_one do
    local b_field = of_two()
    local x, y = tonumber(a_field), tonumber(b_field)
    -- sums of matrix products may differ in the last bit by threads
    if x then t.near(y, x, 2e-3 * math.max(1, math.abs(x))) else t.eq(b_field, a_field) end
  end
end, LIVE)

-- A finished run put back into its semi-supervised phase.
local function in_semi(run)
  for i, p in ipairs(run.plan) do
    if p.name == "semi" then run.numbers.phase, run.numbers.phase_start = i, run.numbers.step end
  end
  run.student:train()
  return run
end

t.test("the generalists' term has a gradient, and the loss follows it", function()
  local dir = t.tmpdir()
  for _, name in ipairs { "semi_sam_plus", "semisam_mt" } do
    -- the average prompts: a step of the student does not change the labels
    local run = in_semi(fit(dir, name, name, { "pseudo.coarse_from=ema" }))
    local function term()
      local terms = step.terms(run, 0, 0, 1)
      t.eq(terms.con, nil)
      return terms.rs
    end
    local before = ss.scoped(function()
      local rs = term()
      rs:backward()
      return rs:item()
    end)
    local squares, moved = 0, {}
    for _, p in run.student:named_parameters() do
      if p.grad then
        squares = squares + ss.sum_squares(p.grad):item()
        moved[#moved + 1] = { p = p, g = p.grad:copy() }
      end
    end
    t.ok(squares > 1e-12, name .. ": the gradient is " .. squares)
    -- a small step down the gradient lowers the loss by its squared norm, to first order
    local size = 1e-3 * before / squares
    ss.no_grad(function()
      for _, m in ipairs(moved) do m.p:copy_(m.p - m.g * size) end
    end)
    local after = ss.no_grad(ss.scoped, function() return term():item() end)
    t.near((before - after) / (size * squares), 1, 0.02, name)
    run.batches:close()
  end
end, LIVE)

t.test("the guard measures pseudo-labels where labels exist, and scales beta by them", function()
  local dir = t.tmpdir()
  local base = fit(dir, "semi_sam_plus", "a")
  local log = fit(dir, "semi_sam_plus", "b", { "pseudo.sanity=log" })
  t.eq(tiny.weights(log), tiny.weights(base), "measuring changes nothing")
  t.ok(log.numbers.guard >= 0 and log.numbers.guard < 1)
  local guarded = fit(dir, "semi_sam_plus", "c", { "pseudo.sanity=labelled" })
  t.ne(tiny.weights(guarded), tiny.weights(base))
  local scaled = in_semi(guarded)
  local function rs(sanity)
    scaled.cfg.pseudo.sanity = sanity
    return ss.scoped(function()
      local terms, note = step.terms(scaled, 0, 0, 1)
      return terms.rs:item(), note.pseudo_truth
    end)
  end
  local plain, none = rs "none"
  t.eq(none, nil)
  local weighed, truth = rs "labelled"
  t.ok(truth >= 0 and truth <= 1)
  t.near(weighed, plain * scaled.numbers.guard, 1e-6)
  scaled.batches:close()
end, LIVE)

t.test("every choice of Algorithm 2 and of the losses runs and differs from the default", function()
  local dir = t.tmpdir()
  local base = tiny.weights(fit(dir, "semi_sam_plus", "base"))
  for i, words in ipairs { { "pseudo.queue={mix}" }, { "pseudo.queue={box,points}", "pseudo.box_jitter=0.1" },
    { "pseudo.queue={clicks}", "pseudo.clicks=3" }, { "pseudo.points_by=confidence" },
    { "pseudo.points_by=outside" }, { "pseudo.shuffled=true" },
    { "pseudo.mask_prompt=logits" }, { "pseudo.points=3", "pseudo.negatives=2" },
    { "pseudo.empty=centre", "pseudo.min_voxels=5000" }, { "pseudo.target=hard" }, { "pseudo.sharpen=0.5" },
    { "pseudo.quantile=0.5" }, { "pseudo.jitter=beta", "pseudo.u_th=0.001" }, { "pseudo.coarse_from=ema" },
    { "pseudo.refresh=1" }, { "loss.balance=fg", "loss.reduce=batch" }, { "beta.max=0.3" }, { "loss.con=kl" },
    { "loss.samples=all", "loss.view=noise" }, { "loss.sup.per_sample=true", "loss.sup.plain=true" },
    { "phases.finetune.teacher=continue" }, { "ema.warm=false" } } do
    local label = table.concat(words, " ")
    local run = fit(dir, "semi_sam_plus", "v" .. i, words)
    t.ne(tiny.weights(run), base, label)
    local few = label:find "clicks" or label:find "mix" -- one kind of prompt, two augmentations
    t.eq(run.summary:find "fewer than 3" ~= nil, few ~= nil, label)
  end
end, LIVE)

t.test("a frozen encoder has no gradient, no optimiser state, no average, and does not change", function()
  local dir = t.tmpdir()
  local run = fit(dir, "mean_teacher", "a", { "data.phantoms.size={16,16,16}", "phases.semi.epochs=1",
    "student={slicing_sam3d, image_size=16, patch_size=4, embed_dim=8, depth=1, num_heads=2, "
      .. "window_size=2, global_attn_indexes={0}, out_channels=8, classes=1, decoder_channels={8,8,4,4}}" })
  local slots = {}
  for _, slot in ipairs(run.optim.slots) do slots[slot.name] = true end
  local frozen = 0
  for name, p in run.student.image_encoder:named_parameters() do
    frozen = frozen + 1
    t.eq(p.grad, nil, name)
    t.eq(slots["image_encoder." .. name], nil)
  end
  t.ok(frozen > 5)
  local saved = ss.safetensors_read(dir .. "/a/state-000000009.safetensors").tensors
  for name in pairs(saved) do t.eq(name:find "image_encoder", nil, name) end
  ss.nn.seed(run.cfg.seed)
  local fresh = ss.models.new(run.cfg.student)
  for name, p in fresh.image_encoder:named_parameters() do
    local now = run.student:state()["image_encoder." .. name]
    t.eq(ss.hash(now), ss.hash(p), name)
    t.ok(rawequal(run.teacher.net:state()["image_encoder." .. name], now), name .. " is shared")
  end
end, LIVE)

t.test("the best validation Dice is kept, the first of equals; the file gives it again", function()
  local dir = t.tmpdir()
  local script, at, real = { 0.5, 0.7, 0.7, 0.6 }, 0, validate.run
  validate.run = function(net, ...) -- luacheck: ignore
    if net.training then return 0.1 end
    local dice = real(net, ...)
    at = at + 1
    return at % 2 == 1 and script[(at + 1) // 2] or dice
  end
  local ok, run = pcall(fit, dir, "supervised", "a", { "every={validate=1, checkpoint=100}" })
  validate.run = real -- luacheck: ignore
  if not ok then error(run, 0) end
  t.eq({ run.numbers.best_dice, run.numbers.best_step }, { 0.7, 6 })
  local file = ss.safetensors_read(dir .. "/a/best.safetensors")
  t.eq(ss.json.decode(file.metadata.semisam).step, 6)
  -- without a script: what is written is what was measured
  run = fit(dir, "supervised", "b")
  local net = require("semisam.deploy").load(dir .. "/b").net
  t.eq((validate.run(net, run.store, run.set.val, run.cfg)), run.numbers.best_dice)
end, LIVE)

t.done()
