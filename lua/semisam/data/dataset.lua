-- dataset.lua — folders as users have them, read as a table of cases with roles.
--
-- Three layouts, recognised by what is there:
--   nnunet  dataset.json with "channel_names"; imagesTr/CASE_0000.ext, labelsTr/CASE.ext, and
--           imagesTs/labelsTs as the test role where both exist
--   msd     dataset.json with "training": [{image, label}]
--   plain   images/CASE.ext and labels/CASE.ext
-- A case without a label file is unlabelled. An unlabelled case has no `label` field: whatever file
-- lies on the disk for it is never opened.
local fail = require "semisam.fail"
local layouts = require "semisam.data.layouts"
local rng = require "semisam.rng"

local dataset = {}

dataset.ROLES = { "labelled", "unlabelled", "val", "test" }

local function refuse(fmt, ...) fail.data("%s", "dataset: " .. fmt:format(...)) end

-- Case ids by role from a table or the JSON file it names: { labelled = {..}, val = {..}, ... }.
local function split_table(split, root)
  if type(split) == "table" then return split, "the recipe's split" end
  local path = split:find("^/") and split or root .. "/" .. split
  if not layouts.exists(path) and layouts.exists(split) then path = split end
  return layouts.read_json(path), path
end

-- nnU-Net's splits_final.json: a list of folds { train = ids, val = ids }.
local function fold_roles(folds, fold, cases, path)
  local f = folds[fold + 1]
  if not f then refuse("%s has folds 0 to %d, fold %d was asked for", path, #folds - 1, fold) end
  local roles = { labelled = {}, unlabelled = {}, val = f.val or {} }
  for _, id in ipairs(f.train or {}) do
    local case = cases[id]
    local list = case and not case.label and roles.unlabelled or roles.labelled
    list[#list + 1] = id
  end
  return roles
end

-- Role of every case that a split names. A case in two roles, an unknown one and a labelled one
-- without a label file are errors.
local function assign(cases, roles, from)
  local role_of = {}
  for role, ids in pairs(roles) do
    local known = false
    for _, name in ipairs(dataset.ROLES) do known = known or name == role end
    if not known then
      refuse("%s: role \"%s\" is unknown; roles are %s", from, tostring(role),
        table.concat(dataset.ROLES, ", "))
    end
    for _, id in ipairs(ids) do
      local case = cases[id]
      if not case then refuse("%s: case \"%s\" is not in the folder", from, tostring(id)) end
      if role_of[id] then
        refuse("%s: case \"%s\" has two roles, %s and %s", from, id, role_of[id], role)
      end
      if role ~= "unlabelled" and not case.label then
        refuse("%s: case \"%s\" has the role %s but no label file", from, id, role)
      end
      role_of[id] = role
    end
  end
  return role_of
end

-- The ids in the order in which the first ones are taken: as listed, or shuffled by the seed.
local function ordered(ids, opts)
  if opts.pick == "list" then return ids end
  local out = {}
  for i, at in ipairs(rng { seed = opts.seed or 0, purpose = "split" }:permutation(#ids)) do
    out[i] = ids[at]
  end
  return out
end

-- Without a split: test cases of the layout, then val and test counts, the rest trains.
local function automatic(list, opts)
  local roles = { labelled = {}, unlabelled = {}, val = {}, test = {} }
  local pool = {}
  for _, case in ipairs(list) do
    if case.role == "test" then
      table.insert(roles.test, case.id)
    elseif case.label then
      pool[#pool + 1] = case.id
    else
      table.insert(roles.unlabelled, case.id)
    end
  end
  pool = ordered(pool, opts)
  local n = #pool
  local wants = {
    test = #roles.test == 0 and (opts.n_test or math.floor(n * 0.2 + 0.5)) or 0,
    val = opts.n_val or math.max(1, math.floor(n * 0.15 + 0.5)),
  }
  local at = n
  for _, role in ipairs { "test", "val" } do
    for _ = 1, wants[role] do
      if at <= 1 then break end
      table.insert(roles[role], pool[at])
      at = at - 1
    end
  end
  for i = 1, at do roles.labelled[i] = pool[i] end
  return roles
end

-- Only the first n_labelled keep their label; the others become unlabelled.
local function hide_labels(roles, opts, log)
  local n = opts.n_labelled
  if not n or n <= 0 or n >= #roles.labelled then return end
  local ids = ordered(roles.labelled, opts)
  roles.labelled = table.move(ids, 1, n, 1, {})
  for i = n + 1, #ids do table.insert(roles.unlabelled, ids[i]) end
  log(("labels of %d cases are hidden (n_labelled = %d): they count as unlabelled"):format(
    #ids - n, n))
end

local function cap(roles, role, n, opts, log)
  if not n or n < 0 or n >= #roles[role] then return end
  local ids = ordered(roles[role], opts)
  local left = table.move(ids, n + 1, #ids, 1, {})
  roles[role] = table.move(ids, 1, n, 1, {})
  log(("left out %d %s cases (n_%s = %d): %s"):format(#left, role, role, n,
    table.concat(left, " ", 1, math.min(#left, 8)) .. (#left > 8 and " ..." or "")))
end

local function number_or_nil(v) return type(v) == "number" and v or nil end

--- Opens a data folder.
---   opts.split        ids by role as a table or a JSON file; nnU-Net's splits_final.json is found
---   by itself opts.fold         fold of splits_final.json, default 0
---   opts.n_labelled, n_unlabelled, n_val, n_test   how many; what is left out is logged
---   opts.pick         "seed" (default) draws which, "list" takes the first
---   opts.seed, opts.log
---@param root string
---@param opts? table
---@return table {root, layout, classes = {names}, cases = {id = {...}}, labelled = {cases}, ...}
function dataset.open(root, opts)
  opts = opts or {}
  local log = opts.log or function() end
  local found = layouts.read(root)
  if #found.list == 0 then refuse("%s (%s layout) holds no image", root, found.layout) end
  local cases = {}
  for _, case in ipairs(found.list) do
    if cases[case.id] then refuse("%s: two images have the case name \"%s\"", root, case.id) end
    cases[case.id] = case
  end
  local roles
  local split, from = opts.split, "splits_final.json"
  local folds = root .. "/splits_final.json"
  if split and split ~= "" and (type(split) ~= "table" or next(split)) then
    roles, from = split_table(split, root)
    if roles[1] then roles = fold_roles(roles, opts.fold or 0, cases, from) end
  elseif layouts.exists(folds) then
    roles = fold_roles(layouts.read_json(folds), opts.fold or 0, cases, folds)
    for _, case in ipairs(found.list) do
      if case.role == "test" then
        roles.test = roles.test or {}
        table.insert(roles.test, case.id)
      elseif not case.label then
        local listed = false
        for _, id in ipairs(roles.unlabelled) do listed = listed or id == case.id end
        if not listed then table.insert(roles.unlabelled, case.id) end
      end
    end
  else
    roles = automatic(found.list, {
      pick = opts.pick, seed = opts.seed, n_val = number_or_nil(opts.n_val),
      n_test = number_or_nil(opts.n_test),
    })
    from = root
  end
  for _, role in ipairs(dataset.ROLES) do roles[role] = roles[role] or {} end
  assign(cases, roles, from)
  hide_labels(roles, opts, log)
  for _, role in ipairs { "unlabelled", "val", "test" } do
    cap(roles, role, number_or_nil(opts["n_" .. role]), opts, log)
  end
  return dataset.build(root, found, cases, roles)
end

--- The table that the rest of the program sees.
function dataset.build(root, found, cases, roles)
  local set = { root = root, layout = found.layout, classes = found.classes, cases = {},
    spare = found.spare or 0 }
  for _, role in ipairs(dataset.ROLES) do
    set[role] = {}
    table.sort(roles[role])
    for i, id in ipairs(roles[role]) do
      local src = cases[id]
      local case = { id = id, role = role, image = src.image, channels = src.channels }
      if role ~= "unlabelled" then case.label = src.label end
      set[role][i], set.cases[id] = case, case
    end
  end
  return set
end

--- One line: how many cases have which role.
function dataset.summary(set)
  local line = ("%s (%s): %d labelled, %d unlabelled, %d val, %d test"):format(set.root, set.layout,
    #set.labelled, #set.unlabelled, #set.val, #set.test)
  if set.spare > 0 then
    line = ("%s; %d images of its test set have no label and are left out"):format(line, set.spare)
  end
  return line
end

return dataset
