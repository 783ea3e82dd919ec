-- What `semisam inspect` tells about files and folders.
local csv = require "semisam.csv"
local fail = require "semisam.fail"
local inspect_weights = require "semisam.inspect_weights"
local print_tensor = require "semisam.print"
local ss = require "semisam"
local system = require "semisam.system"

local inspect = {}

local function row(name, format, ...) print(("  %-12s %s"):format(name, format:format(...))) end

local function list(values, format)
  local out = {}
  for i, v in ipairs(values) do out[i] = (format or "%d"):format(v) end
  return table.concat(out, ", ")
end

local function trimmed(x) return (("%.4f"):format(x):gsub("%.?0+$", "")) end

-- ---- volumes ---------------------------------------------------------------

local BAR = 40 -- widest bar of a histogram
local BINS = 12

local function bars(labels, counts)
  local most = 1
  for _, n in ipairs(counts) do most = math.max(most, n) end
  for i, n in ipairs(counts) do
    print(("  %20s %10d %s"):format(labels[i], n, ("#"):rep(math.floor(BAR * n / most + 0.5))))
  end
end

local function histogram(x, s)
  local labels, counts = {}, {}
  local width = (s.max - s.min) / BINS
  local above = x.count - s.nan
  for i = 1, BINS do
    local last = i == BINS
    local next_above = last and 0 or x:ge(s.min + i * width):cast("f32"):sum():item()
    labels[i] = ("%s .. %s"):format(print_tensor.number(s.min + (i - 1) * width),
      print_tensor.number(s.min + i * width))
    counts[i] = math.floor(above - next_above)
    above = next_above
  end
  bars(labels, counts)
end

local function values(x)
  local s = ss._stats(x)
  if not s.min then
    row("values", "none is finite")
    return
  end
  row("values", "min %s   mean %s   max %s   std %s", print_tensor.number(s.min),
    print_tensor.number(s.mean), print_tensor.number(s.max), print_tensor.number(s.std))
  if s.nan + s.inf > 0 then row("", "%d not a number, %d infinite", s.nan, s.inf) end
  if s.min == s.max then return end
  if s.counts then
    local names, counts = {}, {}
    for v in pairs(s.counts) do names[#names + 1] = v end
    table.sort(names)
    for i, v in ipairs(names) do counts[i], names[i] = s.counts[v], "label " .. v end
    if #names <= 32 then return bars(names, counts) end
  end
  histogram(x:cast("f32"), s)
end

-- Small whole numbers are labels, however they are stored.
local function as_labels(x)
  local s = ss._stats(x)
  if not s.min or s.nan + s.inf > 0 or s.min < 0 or s.max > 31 then return x end
  if x:ne(x:floor()):cast("f32"):max():item() > 0 then return x end
  return x:cast("u8")
end

local function volume(path, o)
  local head = ss.nifti_head(path)
  print(path)
  row("kind", "NIfTI-%d, stored as %s", head.version, head.dtype)
  row("voxels", "%s (z, y, x)%s", list(head.shape), head.volumes and head.volumes > 1 and
    (", %d volumes"):format(head.volumes) or "")
  local sp = head.spacing
  row("spacing", "%s, %s, %s mm (z, y, x)", trimmed(sp[3]), trimmed(sp[2]), trimmed(sp[1]))
  row("orientation", "%s, from %s", head.axes, head.source)
  for i, r in ipairs(head.affine) do row(i == 1 and "affine" or "", "%s", list(r, "%10.4f")) end
  if head.slope ~= 1 or head.inter ~= 0 then
    row("scaling", "value = %s * stored + %s", print_tensor.number(head.slope),
      print_tensor.number(head.inter))
  end
  for _, w in ipairs(head.warnings or {}) do row("warning", "%s", w) end
  if not (o.data or o.png) then return end
  local x = ss.nifti_read(path, { nonfinite = "keep" }).data
  if o.data then values(as_labels(x)) end
  if o.png then
    if #x.shape == 4 then x = x:select(1, 1) end
    local mask = o.mask and ss.nifti_read(o.mask, { as = "label" }).data
    if mask and #mask.shape == 4 then mask = mask:select(1, 1) end
    require("semisam.draw").show(x, mask, { out = o.png, spacing = { sp[3], sp[2], sp[1] },
      title = path:match("[^/]*$") })
    row("slices", "%s", o.png)
  end
end

-- ---- folders ---------------------------------------------------------------

local function run_folder(path)
  print(path)
  row("kind", "run folder")
  local steps = csv.rows(path .. "/log.csv") or {}
  local last = steps[#steps]
  if last then
    row("steps", "%s, phase %s, loss %s", tostring(last.step), tostring(last.phase),
      tostring(last.loss))
  else
    row("steps", "none yet")
  end
  local best
  for _, v in ipairs(csv.rows(path .. "/validation.csv") or {}) do
    if type(v.dice) == "number" and (not best or v.dice > best.dice) then best = v end
  end
  if best then row("best", "validation Dice %.4f at step %s", best.dice, tostring(best.step)) end
  for _, name in ipairs(system.list(path) or {}) do
    local kind, bytes = system.kind(path .. "/" .. name)
    if kind == "file" then row("file", "%-32s %s", name, print_tensor.bytes(bytes)) end
    if kind == "folder" then
      row("folder", "%-32s %d entries", name .. "/", #(system.list(path .. "/" .. name) or {}))
    end
  end
end

local function count_volumes(path)
  local names, n = system.list(path), 0
  for _, name in ipairs(names or {}) do
    if name:find("%.nii$") or name:find("%.nii%.gz$") then n = n + 1 end
  end
  return n, names ~= nil
end

local function data_folder(path)
  local suffix = system.kind(path .. "/imagesTr") and "Tr" or ""
  local images, found = count_volumes(path .. "/images" .. suffix)
  if not found then
    fail.data("%s: neither a run (recipe.lua) nor a data set (imagesTr) is in there", path)
  end
  print(path)
  row("kind", "data set")
  row("images", "%d volumes", images)
  local labels = count_volumes(path .. "/labels" .. suffix)
  row("labels", "%d; images without one are used unlabelled", labels)
  local test, has_test = count_volumes(path .. "/imagesTs")
  if has_test then row("test", "%d volumes", test) end
end

-- ---- all -------------------------------------------------------------------

---Prints what a file or folder holds; raises a failure with an exit status when it cannot be read.
---@param path string
---@param o {data: boolean?, png: string?, mask: string?, container: string?}
function inspect.path(path, o)
  local kind = system.kind(path)
  if kind == "folder" then
    if system.kind(path .. "/recipe.lua") then return run_folder(path) end
    return data_folder(path)
  end
  if kind ~= "file" then fail.input("%s: expected a file or folder", path) end
  local name = path:lower()
  if name:find("%.nii$") or name:find("%.nii%.gz$") or name:find("%.hdr$") then
    return ss.no_grad(ss.scoped, volume, path, o)
  end
  for _, ending in ipairs(inspect_weights.ENDINGS) do
    if name:find(ending) then return ss.no_grad(ss.scoped, inspect_weights.print, path, o) end
  end
  fail.data("%s: expected .nii, .nii.gz, .pth, .pt, .safetensors, a run or a data set folder", path)
end

return inspect
