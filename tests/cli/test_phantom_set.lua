-- semisam phantom: the folder it makes, and what it refuses.
local ss = require "semisam"
local t = require "tests.lib.t"
local run = require "tests.lib.run"

local function json(path) return ss.json.decode(ss.fs.read(path)) end

t.test("a set in nnU-Net layout", function()
  local dir = t.tmpdir() .. "/set"
  local r = run.semisam { "phantom", dir, "cases=9", "labelled=1", "val=2", "test=3", "size=16,20,24",
    "objects=true" }
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "9 volumes %(1 labelled, 2 val, 3 test, 3 unlabelled%)\n$")
  local function names(sub)
    local list = ss.fs.list(dir .. "/" .. sub)
    for i, name in ipairs(list) do list[i] = name:gsub("%.nii%.gz$", ""):gsub("phantom_000", "") end
    return table.concat(list, " ")
  end
  t.eq(names "imagesTr", "1_0000 2_0000 3_0000 4_0000 5_0000 6_0000")
  t.eq(names "labelsTr", "1 2 3")
  t.eq(names "imagesTs", "7_0000 8_0000 9_0000")
  t.eq(names "labelsTs", "7 8 9")
  t.eq(names "objectsTr", "1 2 3 4 5 6")
  local folds = json(dir .. "/splits_final.json")
  t.eq({ #folds, #folds[1].train, #folds[1].val }, { 1, 1, 2 })
  t.eq({ folds[1].train[1], folds[1].val[1], folds[1].val[2] },
    { "phantom_0001", "phantom_0002", "phantom_0003" })
  t.eq(json(dir .. "/dataset.json").numTraining, 6)
  t.eq(ss.fs.exists(dir .. ".part"), false)

  local image = ss.nifti_read(dir .. "/imagesTr/phantom_0002_0000.nii.gz")
  local label = ss.nifti_read(dir .. "/labelsTr/phantom_0002.nii.gz")
  t.eq({ image.dtype, image.data.shape }, { "f32", { 16, 20, 24 } })
  t.eq({ label.dtype, label.data.shape }, { "u8", { 16, 20, 24 } })
  t.eq(image.affine,
    { { 0.5, 0, 0, -5.75 }, { 0, 0.5, 0, -4.75 }, { 0, 0, 0.5, -3.75 }, { 0, 0, 0, 1 } })
  t.eq(label.affine, image.affine)
  local p = ss.phantom { seed = 1, index = 2, size = { 16, 20, 24 } }
  t.near(image.data:flat(), p.image:flat(), 1e-6)
  t.eq(label.data:to("u8"):bytes_string(), p.label:bytes_string())
  local sidecar = json(dir .. "/phantoms/phantom_0002.json")
  t.eq(sidecar.role, "val")
  t.eq(sidecar.objects[1].voxels, p.params.objects[1].voxels)
end)

t.test("few cases, the same seed, another seed", function()
  local dir = t.tmpdir()
  for i, seed in ipairs { 4, 4, 5 } do
    local r = run.semisam { "phantom", ("out=%s/%d"):format(dir, i), "cases=1", "size=12", "seed=" .. seed }
    t.eq({ r.status, r.err }, { 0, "" })
  end
  local function hash(i) return ss.fs.hash(("%s/%d/imagesTr/phantom_0001_0000.nii.gz"):format(dir, i)) end
  t.eq(hash(1), hash(2))
  t.ne(hash(1), hash(3))
  for n = 2, 6 do
    local r = run.semisam { "phantom", ("out=%s/n%d"):format(dir, n), "cases=" .. n, "size=8" }
    t.eq({ r.status, r.err }, { 0, "" })
  end
end)

t.test("what is refused leaves nothing behind", function()
  local dir = t.tmpdir()
  local out = "out=" .. dir .. "/x"
  run.refuses(t, { "phantom" }, 2, "out is missing")
  run.refuses(t, { "phantom", out, "cases=0" }, 2, "cases should be from 1")
  run.refuses(t, { "phantom", out, "cases=3", "labelled=4" }, 2, "are more than cases=3")
  run.refuses(t, { "phantom", out, "cases=3", "val=2", "test=2" }, 2, "are more than cases=3")
  run.refuses(t, { "phantom", out, "size=4" }, 2, "size should be from 8")
  run.refuses(t, { "phantom", out, "size=8.5" }, 2, "whole numbers")
  run.refuses(t, { "phantom", out, "family=teapot" }, 2, "family should be one of")
  run.refuses(t, { "phantom", out, "polarity=drak" }, 2, "did you mean 'dark'")
  run.refuses(t, { "phantom", out, "fan=2" }, 2, "fan should be from 0 to 1")
  run.refuses(t, { "phantom", out, "case=2" }, 2, "unknown option 'case'; did you mean 'cases'")
  run.refuses(t, { "phantom", "out=" .. dir, "cases=1", "size=8" }, 73, "exists already")
  run.refuses(t, { "phantom", "out=/dev/null/x", "cases=1", "size=8" }, 73, "/dev/null")
  t.eq(ss.fs.list(dir), {})
end)

t.done()
