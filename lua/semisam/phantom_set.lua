-- A data set of phantoms on disk, in nnU-Net layout.
local ss = require "semisam"
local fail = require "semisam.fail"

local M = {}

local MM = 0.5 -- voxel size

-- Voxel i, j, k (x, y, z of the tensor) to mm, right-anterior-superior, the volume's centre at 0.
local function affine_of(size)
  local a = {}
  for row = 1, 3 do
    a[row] = { 0, 0, 0, -MM * (size[4 - row] - 1) / 2 }
    a[row][row] = MM
  end
  a[4] = { 0, 0, 0, 1 }
  return a
end

---How many of `cases` are labelled, val and test where the options do not say: 2, and about a
---quarter each.
function M.shares(o)
  local function share(part) return math.floor(part * o.cases + 0.5) end
  o.test = o.test or math.min(share(0.28), o.cases - (o.labelled or 0) - (o.val or 0))
  o.val = o.val or math.min(share(0.23), o.cases - (o.labelled or 0) - o.test)
  o.labelled = o.labelled or math.min(2, o.cases - o.val - o.test)
  return o
end

-- Who is what: the first `labelled` cases, then `val`, then those without label, the last `test`.
local function roles_of(o)
  local roles, unlabelled = {}, o.cases - o.labelled - o.val - o.test
  if unlabelled < 0 or math.min(o.labelled, o.val, o.test) < 0 then
    fail.usage("phantom: %d labelled, %d val and %d test cases are more than cases=%d", o.labelled,
      o.val, o.test, o.cases)
  end
  for _, part in ipairs {
    { "labelled", o.labelled }, { "val", o.val }, { "unlabelled", unlabelled }, { "test", o.test },
  } do
    for _ = 1, part[2] do roles[#roles + 1] = part[1] end
  end
  return roles
end

local function write_json(path, value)
  ss.fs.write(path, ss.json.encode(value, { indent = 2 }) .. "\n")
end

local function write_case(dir, id, role, spec, objects)
  local p = ss.phantom(spec)
  local where = { affine = affine_of(spec.size) }
  local set = role == "test" and "Ts" or "Tr"
  ss.nifti_write(("%s/images%s/%s_0000.nii.gz"):format(dir, set, id), p.image, where)
  if role ~= "unlabelled" then
    ss.nifti_write(("%s/labels%s/%s.nii.gz"):format(dir, set, id), p.label, where)
  end
  if objects then
    ss.nifti_write(("%s/objects%s/%s.nii.gz"):format(dir, set, id), p.objects, where)
  end
  p.params.role, p.params.shadows = role, ss.json.array(p.params.shadows) -- empty: still a list
  write_json(("%s/phantoms/%s.json"):format(dir, id), p.params)
end

local function write_lists(dir, o, ids, roles)
  local train, val, training = {}, {}, 0
  for i, id in ipairs(ids) do
    if roles[i] ~= "test" then training = training + 1 end
    if roles[i] == "labelled" then train[#train + 1] = id end
    if roles[i] == "val" then val[#val + 1] = id end
  end
  if #val > 0 and #train > 0 then
    write_json(dir .. "/splits_final.json", { { train = train, val = val } })
  end
  write_json(dir .. "/dataset.json", {
    channel_names = { ["0"] = "US" }, labels = { background = 0, object = 1 },
    numTraining = training, file_ending = ".nii.gz",
    description = ("phantoms, seed %d, family %s"):format(o.seed, o.family),
  })
end

local function write_all(dir, o, roles)
  local ids = {}
  for _, sub in ipairs { "imagesTr", "labelsTr", "phantoms" } do ss.fs.mkdir(dir .. "/" .. sub) end
  if o.test > 0 then
    for _, sub in ipairs { "imagesTs", "labelsTs" } do ss.fs.mkdir(dir .. "/" .. sub) end
  end
  if o.objects then
    ss.fs.mkdir(dir .. "/objectsTr")
    if o.test > 0 then ss.fs.mkdir(dir .. "/objectsTs") end
  end
  for i, role in ipairs(roles) do
    ids[i] = ("phantom_%04d"):format(i)
    local spec = { index = i, size = o.size, seed = o.seed, family = o.family }
    for key, value in pairs(o.settings or {}) do spec[key] = value end
    ss.scoped(write_case, dir, ids[i], role, spec, o.objects)
    if o.progress then o.progress(i, #roles) end
  end
  write_lists(dir, o, ids, roles)
end

---Writes a data set as a whole: the folder appears when all of it is written. Of `cases` volumes
---the first `labelled` have a label, the next `val` are validation, the last `test` are test cases;
---the rest has no label. Beside nnU-Net's folders there are phantoms/CASE.json with what was drawn
---and, with `objects`, objectsTr and objectsTs with every object's number.
---@param out string a path where nothing is yet
---@param o {cases: integer, labelled: integer, val: integer, test: integer, size: integer[],
---  seed: integer, family: string, settings?: table, objects?: boolean, progress?: function}
function M.write(out, o)
  local roles = roles_of(o)
  out = #out > 1 and out:gsub("/+$", "") or out
  if ss.fs.exists(out) then fail.create("%s: exists already", out) end
  local part = out .. ".part"
  if ss.fs.exists(part) then ss.fs.remove(part, { tree = true }) end -- of a killed run
  local ok, err = pcall(function()
    write_all(part, o, roles)
    ss.fs.rename(part, out)
  end)
  if not ok then
    if ss.fs.exists(part) then pcall(ss.fs.remove, part, { tree = true }) end
    error(err, 0)
  end
end

return M
