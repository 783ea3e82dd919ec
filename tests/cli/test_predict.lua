-- predict and evaluate: a tiny run is trained, used on images of awkward sizes, and misused.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local ss = require "semisam"

local affine = { { -0.5, 0, 0, 10 }, { 0, 0.5, 0, 20 }, { 0, 0, 2, 30 }, { 0, 0, 0, 1 } }
local dir = t.tmpdir()
local model, image = dir .. "/run", dir .. "/image.nii.gz"
local checkpoint = "checkpoint=" .. model

local function volume(path, shape)
  ss.nifti_write(path, ss.uniform(shape, 1), { affine = affine })
  return path
end

t.test("a small recipe trains from the command line", function()
  volume(image, { 9, 12, 17 })
  local r = run.shell(("XDG_CACHE_HOME=%s/cache \"$S\" recipes/mean_teacher.lua out=%s quiet=true " ..
    "data.phantoms.train=4 data.phantoms.val=1 data.phantoms.test=1 'data.phantoms.size={16,16,16}' " ..
    "student.base=2 phases.warmup.epochs=1 phases.semi.epochs=0 phases.finetune.epochs=0 " ..
    "iters_per_epoch=2 every.validate=1"):format(dir, model), { limit = 300 })
  t.eq({ r.status, r.err }, { 0, "" })
  for _, name in ipairs { "recipe.lua", "log.csv", "progress.png", "validation.png", "best.safetensors",
    "test/summary.json" } do
    t.ok(ss.fs.exists(model .. "/" .. name), name)
  end
  t.match(run.semisam({ "inspect", model }).out, "best +validation Dice")
end)

t.test("a mask has the grid of its image, whatever its size", function()
  local out = dir .. "/mask.nii.gz"
  local r = run.semisam { "predict", checkpoint, image, out }
  t.eq({ r.status, r.err }, { 0, "" })
  local a, b = ss.nifti_head(image), ss.nifti_head(out)
  t.eq({ b.shape, b.affine, b.axes }, { { 9, 12, 17 }, a.affine, a.axes })
  t.eq(b.dtype, "u8")
  ss.fs.mkdir(dir .. "/many")
  volume(dir .. "/many/a.nii", { 8, 8, 8 })
  volume(dir .. "/many/b.nii.gz", { 7, 10, 5 })
  t.eq(run.semisam({ "predict", checkpoint, dir .. "/many", dir .. "/masks" }).status, 0)
  t.eq(ss.fs.list(dir .. "/masks"), { "a.nii.gz", "b.nii.gz" })
  t.eq(ss.nifti_head(dir .. "/masks/b.nii.gz").shape, { 7, 10, 5 })
end)

t.test("ten ways to misuse predict", function()
  local here = t.tmpdir()
  local function refused(status, pattern, ...)
    run.refuses(t, { "predict", ... }, status, pattern)
    t.eq(ss.fs.list(here), {})
  end
  local bytes = ss.fs.read(image)
  local cut = run.write(dir .. "/cut.nii.gz", bytes:sub(1, #bytes // 2))
  refused(2, "checkpoint is missing", image, here .. "/o.nii")
  refused(66, "no trained run there", "checkpoint=" .. here, image, here .. "/o.nii")
  refused(65, "is no checkpoint", "checkpoint=README.md", image, here .. "/o.nii")
  refused(66, "No such file", checkpoint, "/no/such.nii", here .. "/o.nii")
  refused(65, "not NIfTI", checkpoint, "README.md", here .. "/o.nii")
  refused(65, "cut%.nii%.gz", checkpoint, cut, here .. "/o.nii")
  refused(65, "holds no image", checkpoint, "core", here .. "/masks")
  refused(2, "would replace the image", checkpoint, image, image)
  refused(73, "/none is no folder", checkpoint, image, here .. "/none/o.nii")
  refused(73, "README.md is a file", checkpoint, image, "README.md")
  refused(2, "2 images need a folder", checkpoint, dir .. "/many", here .. "/o.nii")
  t.eq(ss.fs.read(image), bytes)
  t.eq(#ss.fs.list(dir .. "/many"), 2)
end)

t.test("ten ways to misuse evaluate", function()
  local here = t.tmpdir()
  local mask, other = dir .. "/mask.nii.gz", dir .. "/masks/b.nii.gz"
  local function refused(status, pattern, ...)
    run.refuses(t, { "evaluate", ... }, status, pattern)
    t.eq(ss.fs.list(here), {})
  end
  t.eq(run.semisam({ "evaluate", mask, mask }).status, 0)
  refused(2, "ref is missing", mask)
  refused(66, "No such file", mask, "/no/such.nii")
  refused(2, "should both be files or both be folders", mask, dir)
  refused(65, "no case of .* has a reference", dir .. "/masks", "core")
  refused(65, "not NIfTI", mask, "README.md")
  refused(65, "b%.nii%.gz", mask, other)
  refused(2, "classes should be from 1", mask, mask, "classes=0")
  refused(2, "spacing expects a number", mask, mask, "spacing=x")
  local r = run.semisam { "evaluate", mask, mask, "out=/dev/null/x" } -- the table is printed all the same
  t.eq(r.status, 73)
  t.match(r.err, "^semisam: [^\n]*/dev/null[^\n]*\n$")
  refused(2, "compat should be one of medpy", mask, mask, "compat=none")
end)

t.done()
