-- Folders and roles: which case may be seen how.
local t = require "tests.lib.t"
local ss = require "semisam"
local dataset = require "semisam.data.dataset"

local AFFINE = { { 0.5, 0, 0, -3 }, { 0, 0.5, 0, 2 }, { 0, 0, 0.5, 1 }, { 0, 0, 0, 1 } }

local function image(path, size, key)
  ss.nifti_write(path, ss.uniform(size or { 6, 5, 4 }, key or 1, 0, 100), { affine = AFFINE })
end

local function label(path, size, affine)
  local x = ss.uniform(size or { 6, 5, 4 }, 2):gt(0.7):to("u8")
  ss.nifti_write(path, x, { affine = affine or AFFINE })
end

local function ids(cases)
  local out = {}
  for i, c in ipairs(cases) do out[i] = c.id end
  return table.concat(out, " ")
end

-- images/ and labels/ of n cases; the first `labelled` have a label.
local function plain(n, labelled)
  local dir = t.tmpdir()
  ss.fs.mkdir(dir .. "/images")
  ss.fs.mkdir(dir .. "/labels")
  for i = 1, n do
    image(("%s/images/c%02d.nii.gz"):format(dir, i), nil, i)
    if i <= labelled then label(("%s/labels/c%02d.nii.gz"):format(dir, i)) end
  end
  return dir
end

t.test("a plain folder: a case without a label file is unlabelled", function()
  local set = dataset.open(plain(10, 6), { pick = "list", n_val = 1, n_test = 2 })
  t.eq(ids(set.labelled), "c01 c02 c03")
  t.eq(ids(set.unlabelled), "c07 c08 c09 c10")
  t.eq(ids(set.val), "c04")
  t.eq(ids(set.test), "c05 c06")
  t.eq(set.unlabelled[1].label, nil)
end)

t.test("hidden labels have no path, so that nothing can read them", function()
  local said = {}
  local set = dataset.open(plain(8, 8), { pick = "list", n_val = 1, n_test = 1, n_labelled = 2,
    log = function(s) said[#said + 1] = s end })
  t.eq(ids(set.labelled), "c01 c02")
  t.eq(ids(set.unlabelled), "c03 c04 c05 c06")
  for _, c in ipairs(set.unlabelled) do t.eq(c.label, nil) end
  t.match(said[1], "labels of 4 cases are hidden")
end)

t.test("caps are logged with what they leave out", function()
  local said = {}
  dataset.open(plain(9, 4), { pick = "list", n_val = 1, n_test = 1, n_unlabelled = 3,
    log = function(s) said[#said + 1] = s end })
  t.match(said[1], "left out 2 unlabelled cases %(n_unlabelled = 3%): c08 c09")
end)

t.test("the same seed chooses the same cases, another seed others", function()
  local dir = plain(12, 12)
  local function pick(seed) return ids(dataset.open(dir, { seed = seed, n_labelled = 2 }).labelled) end
  t.eq(pick(1), pick(1))
  t.ok(pick(1) ~= pick(2) or pick(1) ~= pick(3))
end)

t.test("split tables: roles, and every way to get them wrong", function()
  local dir = plain(6, 4)
  local set = dataset.open(dir, { split = { labelled = { "c01" }, unlabelled = { "c03", "c05" },
    val = { "c02" }, test = { "c04" } } })
  t.eq(ids(set.unlabelled), "c03 c05")
  t.eq(set.unlabelled[1].label, nil, "the label of an unlabelled case is not even known")
  local function wrong(split, pattern)
    t.raises(function() dataset.open(dir, { split = split }) end, pattern)
  end
  wrong({ labelled = { "c01" }, val = { "c01" } }, "case \"c01\" has two roles")
  wrong({ labelled = { "c09" } }, "case \"c09\" is not in the folder")
  wrong({ labelled = { "c05" } }, "case \"c05\" has the role labelled but no label file")
  wrong({ train = { "c01" } }, "role \"train\" is unknown; roles are labelled, unlabelled, val, test")
  ss.fs.write(dir .. "/splits_final.json", '[{"train": ["c01", "c05"], "val": ["c02"]}]')
  set = dataset.open(dir)
  t.eq({ ids(set.labelled), ids(set.val) }, { "c01", "c02" })
  t.match(ids(set.unlabelled), "c05")
  t.raises(function() dataset.open(dir, { split = "splits_final.json", fold = 3 }) end, "folds 0 to 0")
end)

t.test("an nnU-Net folder", function()
  local dir = t.tmpdir()
  for _, d in ipairs { "imagesTr", "labelsTr", "imagesTs", "labelsTs" } do ss.fs.mkdir(dir .. "/" .. d) end
  ss.fs.write(dir .. "/dataset.json", [[{"channel_names": {"0": "US"}, "numTraining": 4,
    "labels": {"background": 0, "gland": 1}, "file_ending": ".nii.gz"}]])
  for i = 1, 4 do
    image(("%s/imagesTr/p%d_0000.nii.gz"):format(dir, i))
    if i < 4 then label(("%s/labelsTr/p%d.nii.gz"):format(dir, i)) end
  end
  image(dir .. "/imagesTs/q1_0000.nii.gz")
  label(dir .. "/labelsTs/q1.nii.gz")
  local set = dataset.open(dir, { pick = "list", n_val = 1 })
  t.eq({ ids(set.labelled), ids(set.unlabelled), ids(set.val), ids(set.test) }, { "p1 p2", "p4", "p3", "q1" })
  t.eq(set.classes, { "gland" })
  image(dir .. "/imagesTr/p5.nii.gz")
  t.raises(function() dataset.open(dir) end, "expected CASE_0000 with a channel number, got p5")
end)

t.test("an MSD folder", function()
  local dir = t.tmpdir()
  for _, d in ipairs { "imagesTr", "labelsTr" } do ss.fs.mkdir(dir .. "/" .. d) end
  ss.fs.write(dir .. "/dataset.json", [[{"modality": {"0": "US"}, "labels": {"0": "background", "1": "gland"},
    "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"},
    {"image": "./imagesTr/b.nii.gz", "label": "./labelsTr/b.nii.gz"},
    {"image": "./imagesTr/c.nii.gz", "label": "./labelsTr/c.nii.gz"}], "test": []}]])
  for _, id in ipairs { "a", "b", "c" } do image(("%s/imagesTr/%s.nii.gz"):format(dir, id)) end
  for _, id in ipairs { "a", "b" } do label(("%s/labelsTr/%s.nii.gz"):format(dir, id)) end
  local set = dataset.open(dir, { pick = "list", n_val = 1, n_test = 0 })
  t.eq({ ids(set.labelled), ids(set.unlabelled), ids(set.val) }, { "a", "c", "b" })
  t.eq(set.classes, { "gland" })
end)

t.test("folders that are none", function()
  local dir = t.tmpdir()
  t.raises(function() dataset.open(dir .. "/none") end, "none does not exist")
  t.raises(function() dataset.open(dir) end, "expected dataset.json with imagesTr/")
  ss.fs.mkdir(dir .. "/images")
  t.raises(function() dataset.open(dir) end, "holds no image")
  image(dir .. "/images/a.nii.gz")
  image(dir .. "/images/a.nii")
  t.raises(function() dataset.open(dir) end, "holds both a.nii and a.nii.gz")
end)

t.done()
