-- Folders as users have them: odd and different sizes, flat voxels, channels, several classes. A
-- run on them needs no setting but data=.
local t = require "tests.lib.t"
local ss = require "semisam"
local patch = require "semisam.train.patch"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"

local LIVE = { leaks = false }

local function affine(mm)
  return { { mm[3], 0, 0, 0 }, { 0, mm[2], 0, 0 }, { 0, 0, mm[1], 0 }, { 0, 0, 0, 1 } }
end

-- A bright block in noise at i = 1, 2, ... of `size`; its far half is another class.
local function volume(size, i, top)
  local x, y = ss.uniform(size, i, 0, 60), ss.zeros(size)
  local lo, hi = {}, {}
  for k = 1, 3 do lo[k], hi[k] = size[k] // 4 + i % 2, size[k] * 3 // 4 end
  local function part(v, from)
    for k = 1, 3 do v = v:slice(k, k == 3 and from or lo[k] + 1, hi[k]) end
    return v
  end
  part(x, lo[3] + 1):add_(ss.full({ 1 }, 150))
  part(y, lo[3] + 1):copy_(ss.ones { 1 })
  part(y, (lo[3] + hi[3]) // 2):copy_(ss.full({ 1 }, top))
  return x:to("u8"), y:to("u8")
end

-- An MSD folder; cases: { size, mm?, labelled }. `channels` copies of the image make a 4-D file.
local function msd(dir, cases, o)
  for _, sub in ipairs { "imagesTr", "labelsTr" } do ss.fs.mkdir(dir .. "/data/" .. sub) end
  local list = {}
  for i, case in ipairs(cases) do
    local x, y = volume(case.size, i, o.top or 1)
    local s, at = case.size, { affine = affine(case.mm or { 1, 1, 1 }) }
    if o.channels then
      x = x:reshape { 1, s[1], s[2], s[3] }
      x = ss.cat(x, 255 - x, { dim = 1 }):to("u8")
    end
    local name = ("case_%d.nii.gz"):format(i)
    ss.nifti_write(dir .. "/data/imagesTr/" .. name, x, at)
    if case.labelled then ss.nifti_write(dir .. "/data/labelsTr/" .. name, y, at) end
    list[i] = { image = "./imagesTr/" .. name, label = "./labelsTr/" .. name }
  end
  ss.fs.write(dir .. "/data/dataset.json",
    ss.json.encode { training = list, labels = o.labels, test = o.test })
  return dir .. "/data"
end

local function fit(dir, recipe, out, more)
  local words = { "quiet=true", "data.root=" .. dir .. "/data", "data.n_val=1", "data.n_test=1" }
  return train.fit(tiny.recipe(recipe, dir, out, table.move(more or {}, 1, #(more or {}), 5, words)))
end

local ODD = { { size = { 17, 22, 19 }, labelled = true }, { size = { 20, 19, 25 }, labelled = true },
  { size = { 18, 31, 18 }, labelled = true }, { size = { 27, 18, 21 } }, { size = { 19, 19, 40 } } }

t.test("odd sizes and two classes: the three recipes", function()
  local dir = t.tmpdir()
  msd(dir, ODD, { top = 2, labels = { ["0"] = "background", ["1"] = "near", ["2"] = "far" },
    test = { "./imagesTs/a.nii.gz", "./imagesTs/b.nii.gz" } })
  for _, name in ipairs { "supervised", "mean_teacher", "semi_sam_plus" } do
    local run = fit(dir, name, name)
    t.eq(run.numbers.step, 12, name)
    t.eq({ run.cfg.data.classes, run.student.config.classes }, { 3, 3 })
    t.eq(run.cfg.data.patch, { 16, 16, 16 })
    t.match(run.summary, "patches of 16 x 16 x 16")
    t.match(run.summary, "labels 0 to 2 are told apart")
    t.match(run.summary, "2 images of its test set have no label and are left out")
    local case = run.set.test[1]
    local mask = ss.nifti_read(("%s/%s/test/%s.nii.gz"):format(dir, name, case.id), { as = "label" })
    t.eq(mask.shape, ss.nifti_head(case.image).shape)
    t.eq(#run.result.cases[1].classes, 2)
    if name == "semi_sam_plus" then -- the fine-tune kept labels of whole, odd volumes
      t.ok(next(run.kept), "some are kept")
      for id, kept in pairs(run.kept) do
        local s = run.set.cases[id] and ODD[math.tointeger(id:match "%d")].size
        t.eq(kept.mu.shape, { 1, s[1], s[2], s[3], 2 }, id)
      end
    end
  end
end, LIVE)

t.test("kept labels are those of the windows", function()
  local dir = t.tmpdir()
  msd(dir, { { size = { 16, 16, 32 }, labelled = true }, { size = { 16, 16, 32 }, labelled = true },
    { size = { 16, 16, 32 }, labelled = true }, { size = { 16, 16, 32 } } }, {})
  local run = fit(dir, "semi_sam_plus", "a", { "data.patch={16,16,16}", "pseudo.min_voxels=0",
    "pseudo.min_part=0" })
  local kept = run.kept.case_4
  t.eq(kept.mu.shape, { 1, 16, 16, 32, 1 })
  for _, half in ipairs { 1, 17 } do -- each window has a label of its own
    local part = kept.var:slice(4, half, half + 15):to("f32")
    t.ok(part:max():item() > 0 and part:min():item() < 255, "window at " .. half)
  end
end, LIVE)

t.test("channels of a 4-D file reach the student; the generalist sees one of them", function()
  local dir = t.tmpdir()
  msd(dir, ODD, { channels = true, labels = { background = 0, object = 1 } })
  local run = fit(dir, "semi_sam_plus", "a", { "phases.finetune.epochs=0" })
  t.eq({ run.student.config.in_channels, run.cfg.data.classes }, { 2, 1 })
  local spec = ("generalists={{prompt_unet, base=2, levels=2, weights=%s/generalist.safetensors, "
    .. "channel=3}}"):format(dir)
  t.raises(function() fit(dir, "semi_sam_plus", "b", { spec }) end,
    "channel 3 was asked for, the image has 2")
end, LIVE)

t.test("flat or different voxels are resampled to cubes of as many", function()
  local dir = t.tmpdir()
  local mm = { 4, 1, 1 }
  msd(dir, { { size = { 10, 32, 36 }, mm = mm, labelled = true },
    { size = { 9, 40, 36 }, mm = mm, labelled = true },
    { size = { 12, 32, 32 }, mm = mm, labelled = true }, { size = { 12, 34, 38 }, mm = mm } }, {})
  local run = fit(dir, "mean_teacher", "a", { "phases.finetune.epochs=0" })
  t.eq(run.cfg.data.spacing, 1.6) -- the cube root of 4
  t.match(run.summary, "typically 4 x 1 x 1 mm.*resampled to 1.6 mm")
  local case = run.set.test[1]
  local mask = ss.nifti_read(("%s/a/test/%s.nii.gz"):format(dir, case.id), { as = "label" })
  t.eq(mask.shape, ss.nifti_head(case.image).shape)
  local kept = fit(dir, "supervised", "b", { "data.spacing=keep" })
  t.eq({ kept.cfg.data.spacing, kept.cfg.data.patch }, { "keep", { 8, 32, 32 } })
end, LIVE)

t.test("plain folders: classes from the label files", function()
  local dir = t.tmpdir()
  for _, sub in ipairs { "images", "labels" } do ss.fs.mkdir(dir .. "/data/" .. sub) end
  local function write(i, top)
    local x, y = volume({ 16, 16, 16 }, i, top)
    if top == 255 then y = y:gt(0):to("u8") * 255 end
    ss.nifti_write(("%s/data/images/c%d.nii"):format(dir, i), x, { affine = affine { 1, 1, 1 } })
    ss.nifti_write(("%s/data/labels/c%d.nii"):format(dir, i), y:to("u8"),
      { affine = affine { 1, 1, 1 } })
  end
  for i = 1, 4 do write(i, 255) end
  t.eq(fit(dir, "supervised", "a").cfg.data.classes, 1) -- one number beside 0, whichever
  for i = 1, 4 do write(i, 2) end
  t.eq(fit(dir, "supervised", "b").cfg.data.classes, 3)
  t.eq(fit(dir, "supervised", "c", { "data.classes=1" }).student.config.classes, 1)
  for i = 1, 4 do write(i, 60) end
  t.raises(function() fit(dir, "supervised", "d") end, "c%d.nii holds label 60.*set data.classes")
end, LIVE)

t.test("what is missing is said before anything is trained", function()
  local dir = t.tmpdir()
  msd(dir, { ODD[1], ODD[2], ODD[3] }, {})
  t.raises(function() fit(dir, "semi_sam_plus", "a") end,
    "every case has a label, and recipe semi_sam_plus learns from cases without one too")
  t.ok(not ss.fs.exists(dir .. "/a"), "no run folder")
  t.eq(fit(dir, "supervised", "b").numbers.step, 12)
end, LIVE)

t.test("patches: large volumes are cut to what a step can take", function()
  local budget = 64 << 30
  local function choose(list, o)
    local heads = {}
    for i, sides in ipairs(list) do heads[i] = { sides = sides, mm = { 1, 1, 1 } } end
    return patch.choose(heads, o or { spacing = false }, { labelled = 2, unlabelled = 2 }, budget)
  end
  t.eq(choose { { 32, 32, 32 }, { 32, 32, 32 } }, nil)
  t.eq(choose { { 256, 256, 256 } }, { 96, 96, 96 })
  t.eq(choose { { 512, 512, 40 }, { 400, 600, 41 } }, { 160, 160, 32 })
  t.eq(choose({ { 100, 100, 100 } }, { spacing = 2 }), { 48, 48, 48 })
  budget = 1 << 30 -- a small machine
  local p = choose { { 256, 256, 256 } }
  t.ok(p[1] * p[2] * p[3] * 4 * 700 <= 0.4 * (1 << 30), table.concat(p, " "))
  t.raises(function() choose { { 5, 40, 40 } } end, "set data.size to pad")
end)

t.done()
