-- Whole runs on tiny phantoms: what the recipes are to each other, what they leave, what they refuse.
local t = require "tests.lib.t"
local ss = require "semisam"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"

-- The networks of a run live as long as the table `run`; the tests look at files and hashes.
local LIVE = { leaks = false }

local function fit(dir, recipe, out, more)
  local words = { "quiet=true" }
  table.move(more or {}, 1, #(more or {}), 2, words)
  return train.fit(tiny.recipe(recipe, dir, out, words))
end

t.test("semi_sam_plus: every phase, every file", function()
  local dir = t.tmpdir()
  local run = fit(dir, "semi_sam_plus", "a")
  t.eq(run.numbers.step, 12)
  for _, name in ipairs { "recipe.lua", "log.csv", "validation.csv", "best.safetensors", "progress.png",
    "validation.png", "state-000000012.safetensors", "test/summary.json", "test/metrics.csv" } do
    t.ok(ss.fs.exists(dir .. "/a/" .. name), name)
  end
  t.eq(#run.set.test, 2)
  local image = ss.nifti_head(run.set.test[1].image)
  local mask = ss.nifti_read(("%s/a/test/%s.nii.gz"):format(dir, run.set.test[1].id), { as = "label" })
  t.eq(mask.header, image.header, "the mask's grid and codes are the image's")
  t.eq(mask.shape, image.shape)
  local phases = {}
  for line in io.lines(dir .. "/a/log.csv") do
    local step, phase, rest = line:match("^(%d+),(%a+),(.*)")
    if step then
      phases[phase] = (phases[phase] or 0) + 1
      if phase ~= "warmup" then t.ok(rest:find("%d,%d"), rest) end
    end
  end
  t.eq(phases, { warmup = 3, semi = 6, finetune = 3 })
end, LIVE)

t.test("beta.max = 0 is mean_teacher, lambda.max = 0 too is supervised, bit for bit", function()
  local dir = t.tmpdir()
  local a, b = fit(dir, "semi_sam_plus", "a", { "beta.max=0" }), fit(dir, "mean_teacher", "b")
  t.eq(tiny.weights(a), tiny.weights(b))
  t.eq(tiny.log(dir .. "/a"), tiny.log(dir .. "/b"))
  local c = fit(dir, "semi_sam_plus", "c", { "beta.max=0", "lambda.max=0" })
  local d = fit(dir, "supervised", "d")
  t.eq(tiny.weights(c), tiny.weights(d))
  t.ne(tiny.weights(a), tiny.weights(c))
  local e = fit(dir, "semi_sam_plus", "e")
  t.ne(tiny.weights(a), tiny.weights(e), "the generalist's term moves the student")
end, LIVE)

t.test("the labels of unlabelled cases change nothing", function()
  local dir = t.tmpdir()
  local a = fit(dir, "semi_sam_plus", "a")
  for _, case in ipairs(a.set.unlabelled) do
    t.eq(case.label, nil)
    local path = case.image:gsub("imagesTr", "labelsTr"):gsub("_0000", "")
    t.ok(ss.fs.exists(path), path)
    local old = ss.nifti_read(path, { as = "label" })
    ss.nifti_write(path, ss.uniform(old.shape, 9):gt(0.5):to("u8"), { like = old })
  end
  local b = fit(dir, "semi_sam_plus", "b")
  t.eq(tiny.weights(a), tiny.weights(b))
  t.eq(tiny.log(dir .. "/a"), tiny.log(dir .. "/b"))
end, LIVE)

t.test("no gradient reaches the teacher or a generalist", function()
  local dir = t.tmpdir()
  local run = fit(dir, "semi_sam_plus", "a")
  local file = ss.safetensors_read(dir .. "/generalist.safetensors").tensors
  for name, p in run.generalists[1].net:named_parameters() do
    t.eq(ss.hash(p), ss.hash(file[name]), name)
    t.eq(p.grad, nil)
  end
  for _, p in run.teacher.net:named_parameters() do t.eq(p.grad, nil) end
end, LIVE)

t.test("the same seed repeats the run; accumulation counts as one step", function()
  local dir = t.tmpdir()
  local a, b = fit(dir, "mean_teacher", "a"), fit(dir, "mean_teacher", "b")
  t.eq(tiny.weights(a), tiny.weights(b))
  t.ne(tiny.weights(a), tiny.weights(fit(dir, "mean_teacher", "c", { "seed=6" })))
  local d = fit(dir, "mean_teacher", "d", { "batch={labelled=1, unlabelled=1, accumulate=2}" })
  t.eq(d.numbers.step, 12)
  t.eq(d.shadow.steps, 12)
end, LIVE)

t.test("the network of `student` is a choice of the recipe", function()
  local dir = t.tmpdir()
  local run = fit(dir, "mean_teacher", "a", { "data.classes=2",
    "student={unet3d, base=2, levels=2, classes=2}", "phases.warmup.epochs=0", "phases.finetune.epochs=0" })
  t.eq(run.numbers.step, 6)
  t.raises(function() fit(dir, "supervised", "x", { "student={vnett}" }) end, "no network is called 'vnett'")
end, LIVE)

t.test("what a run refuses", function()
  local dir = t.tmpdir()
  fit(dir, "supervised", "a")
  t.raises(function() fit(dir, "supervised", "a") end, "holds a run already")
  t.raises(function() fit(dir, "supervised", "b", { "lambda.ramp=steep", "lambda.max=1" }) end,
    "no ramp is called \"steep\"")
  t.raises(function() fit(dir, "semi_sam_plus", "c", { "pseudo.u_th=0.3" }) end, "u_th.*expected a variance")
  t.raises(function() fit(dir, "supervised", "d", { "optim={rmsprop}" }) end, "no optimiser is called")
  t.raises(function() fit(dir, "supervised", "e", { "phases.warmup.epochs=0", "phases.semi.epochs=0",
    "phases.finetune.epochs=0" }) end, "every phase has 0 epochs")
  t.raises(function() fit(dir, "supervised", "f", { "phases.warmup.lr=1e30" }) end,
    "the loss term \"sup\" is not a number")
end, LIVE)

t.done()
