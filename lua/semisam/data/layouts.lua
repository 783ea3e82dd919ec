-- layouts.lua — what lies where in a data folder: nnU-Net v2, MSD, or images/ and labels/.
local fail = require "semisam.fail"
local ss = require "semisam"

local layouts = {}

local function refuse(fmt, ...) fail.data("%s", "dataset: " .. fmt:format(...)) end

layouts.ENDINGS = { ".nii.gz", ".nii" }

--- Whether a file or folder exists.
function layouts.exists(path) return ss.fs.exists(path) end

--- A JSON file as a table.
function layouts.read_json(path)
  local ok, value = pcall(ss.json.decode, ss.fs.read(path))
  if not ok then refuse("%s: %s", path, tostring(value)) end
  return value
end

-- Name of a case from a file name; nil for other files.
local function stem(name, endings)
  for _, ending in ipairs(endings or layouts.ENDINGS) do
    if #name > #ending and name:sub(-#ending) == ending and name:sub(1, 1) ~= "." then
      return name:sub(1, -#ending - 1), ending
    end
  end
end

--- Files of a folder by case name, and the names sorted; nil where the folder does not exist.
---@param dir string
---@param endings? string[]
local function files_of(dir, endings)
  if not ss.fs.exists(dir) then return nil end
  local by_stem, names = {}, {}
  for _, name in ipairs(ss.fs.list(dir)) do
    local id = stem(name, endings)
    if id then
      if by_stem[id] then
        refuse("%s holds both %s and %s", dir, by_stem[id]:match("[^/]*$"), name)
      end
      by_stem[id], names[#names + 1] = dir .. "/" .. name, id
    end
  end
  table.sort(names)
  return by_stem, names
end

layouts.files_of = files_of

-- Class names by number, from either direction of dataset.json's "labels".
local function class_names(labels)
  local names = {}
  for a, b in pairs(labels or {}) do
    local value, name = tonumber(b), a
    if not value then value, name = tonumber(a), b end
    if value and value > 0 and type(name) == "string" then names[math.tointeger(value)] = name end
  end
  return names
end

-- Images CASE_0000.ext .. CASE_000k.ext of one folder, with labels from another.
local function nnunet_cases(images, labels, endings, role, list)
  local files, names = files_of(images, endings)
  if not files then return end
  local label_of = files_of(labels, endings) or {}
  local last
  for _, name in ipairs(names) do
    local id, channel = name:match("^(.*)_(%d%d%d%d)$")
    if not id then
      refuse("%s: expected CASE_0000 with a channel number, got %s", images, name)
    end
    if not last or last.id ~= id then
      last = { id = id, channels = {}, label = label_of[id], role = role }
      list[#list + 1] = last
    end
    if tonumber(channel) ~= #last.channels then
      refuse("%s: case %s lacks channel %04d", images, id, #last.channels)
    end
    last.channels[#last.channels + 1] = files[name]
    last.image = last.channels[1]
  end
end

local function nnunet(root, info)
  local endings = info.file_ending and { info.file_ending } or layouts.ENDINGS
  local list = {}
  nnunet_cases(root .. "/imagesTr", root .. "/labelsTr", endings, nil, list)
  if ss.fs.exists(root .. "/labelsTs") then
    nnunet_cases(root .. "/imagesTs", root .. "/labelsTs", endings, "test", list)
    for i = #list, 1, -1 do
      if list[i].role == "test" and not list[i].label then table.remove(list, i) end
    end
  end
  local known, _, names = 0, files_of(root .. "/imagesTs", endings)
  for _, case in ipairs(list) do
    if case.role == "test" then known = known + #case.channels end
  end
  return { layout = "nnunet", list = list, classes = class_names(info.labels),
    spare = #(names or {}) - known }
end

local function msd(root, info)
  local list = {}
  local function add(image, label)
    local path = root .. "/" .. image:gsub("^%./", "")
    local id = stem(path:match("[^/]*$"))
    if not id then refuse("%s/dataset.json: %s is no NIfTI file name", root, image) end
    if not ss.fs.exists(path) then
      refuse("%s/dataset.json names %s, which does not exist", root, image)
    end
    local label_path = label and root .. "/" .. label:gsub("^%./", "")
    if label_path and not ss.fs.exists(label_path) then label_path = nil end
    list[#list + 1] = { id = id, image = path, channels = { path }, label = label_path }
  end
  for _, pair in ipairs(info.training) do
    if type(pair) == "table" then add(pair.image, pair.label) else add(pair) end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return { layout = "msd", list = list, classes = class_names(info.labels),
    spare = type(info.test) == "table" and #info.test or 0 }
end

local function plain(root)
  local images, names = files_of(root .. "/images")
  local labels = files_of(root .. "/labels") or {}
  local list = {}
  for i, id in ipairs(names) do
    list[i] = { id = id, image = images[id], channels = { images[id] }, label = labels[id] }
  end
  return { layout = "plain", list = list, classes = {} }
end

--- Reads a folder: { layout, list = { {id, image, channels, label?, role?} }, classes, spare =
--- images of a test set that have no label and are left out }.
---@param root string
function layouts.read(root)
  if not ss.fs.exists(root) then refuse("%s does not exist", root) end
  local json = root .. "/dataset.json"
  if ss.fs.exists(json) then
    local info = layouts.read_json(json)
    if type(info.training) == "table" and info.training[1] then return msd(root, info) end
    if ss.fs.exists(root .. "/imagesTr") then return nnunet(root, info) end
    refuse("%s has neither a \"training\" list (MSD) nor a folder imagesTr (nnU-Net)", json)
  end
  if ss.fs.exists(root .. "/images") then return plain(root) end
  refuse("%s: expected dataset.json with imagesTr/ (nnU-Net, MSD) or images/ and labels/",
    root)
end

return layouts
