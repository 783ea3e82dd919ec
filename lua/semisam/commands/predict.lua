-- semisam predict: masks of images by a trained run.
local deploy = require "semisam.deploy"
local fail = require "semisam.fail"
local layouts = require "semisam.data.layouts"
local ss = require "semisam"

-- Cases of an image, a folder of images, or a folder of CASE_0000 files (nnU-Net).
local function cases_of(path)
  if not ss.fs.is_dir(path) then
    local id = path:match("[^/]*$"):gsub("%.nii%.gz$", ""):gsub("%.nii$", "")
    return { { id = id, image = path, channels = { path } } }
  end
  local files, names = layouts.files_of(path)
  local list, by_id = {}, {}
  for _, name in ipairs(names) do
    local id, channel = name:match("^(.*)_(%d%d%d%d)$")
    id = id or name
    local case = by_id[id]
    if not case then
      case = { id = id, image = files[name], channels = {} }
      by_id[id], list[#list + 1] = case, case
    end
    case.channels[(channel and tonumber(channel) or 0) + 1] = files[name]
  end
  if #list == 0 then fail.data("predict: %s holds no image (.nii, .nii.gz)", path) end
  return list
end

local function is_file_name(path) return path:find("%.nii$") or path:find("%.nii%.gz$") end

-- Where the mask of a case goes.
local function target(o, case)
  return is_file_name(o.out) and o.out or ("%s/%s.nii.gz"):format(o.out, case.id)
end

-- What can be told about the output before anything is computed.
local function check_output(o, cases)
  if is_file_name(o.out) then
    if #cases > 1 then
      fail.usage("predict: %d images need a folder, out=%s is a file", #cases, o.out)
    end
    local folder = o.out:match("^(.*)/[^/]*$")
    if folder and folder ~= "" and not ss.fs.is_dir(folder) then
      fail.create("predict: %s cannot be created, %s is no folder", o.out, folder)
    end
    if ss.fs.is_dir(o.out) then fail.create("predict: out=%s is a folder", o.out) end
  elseif ss.fs.exists(o.out) and not ss.fs.is_dir(o.out) then
    fail.create("predict: out=%s is a file; expected a folder or a name ending in .nii.gz", o.out)
  end
  for _, case in ipairs(cases) do
    local path = target(o, case)
    for _, image in ipairs(case.channels) do
      if ss.fs.exists(path) and ss.fs.realpath(path) == ss.fs.realpath(image) then
        fail.usage("predict: out=%s would replace the image %s", o.out, image)
      end
    end
  end
end

return {
  summary = "segment images by a trained run",
  positional = { "images", "out" },
  options = {
    images = { "input", required = true, doc = "image, or folder of images" },
    out = { "output", required = true, doc = "mask.nii.gz for one image, else a folder" },
    checkpoint = { "input", required = true, doc = "run folder, or its best.safetensors" },
    device = { "string", default = "cpu", doc = "where the network computes: cpu, cuda, cuda:1" },
  },
  run = function(o)
    local cases = cases_of(o.images)
    check_output(o, cases)
    ss.memory(o.device) -- refuses a device that is not there
    local run = deploy.load(o.checkpoint)
    run.net:to(o.device)
    for i, case in ipairs(cases) do
      local path = target(o, case)
      deploy.write(run.net, case, run.data, run.infer, path)
      print(("%d/%d  %s"):format(i, #cases, path))
    end
  end,
}
