-- Slices of volumes: a montage of three planes with contours, and validation cases side by side.
local canvas = require "semisam.canvas"
local ss = require "semisam"
local style = require "semisam.draw.style"

local M = {}

local PLANES = { "axial (z)", "coronal (y)", "sagittal (x)" }

-- ---- volumes ---------------------------------------------------------------

-- [d, h, w] of a volume, or [1, h, w] of an image: single batch and channel axes are dropped.
local function volume_of(x, what)
  if not ss.is_tensor(x) then
    error(("%s: expected a tensor, got a %s"):format(what, type(x)), 0)
  end
  local shape = x.shape
  local text = table.concat(shape, ", ")
  if x.count == 0 then error(("%s: the tensor [%s] is empty"):format(what, text), 0) end
  if x.device:find "^meta" then
    error(("%s: the tensor is on %s, which has no values to show"):format(what, x.device), 0)
  end
  x = x:detach():to("cpu")
  if #shape >= 4 and shape[1] == 1 then x = x:select(1, 1) end
  if #x.shape == 4 and x.shape[4] == 1 then x = x:select(4, 1) end
  if #x.shape == 3 and x.shape[3] == 1 then x = x:select(3, 1) end
  if #x.shape == 2 then x = x:unsqueeze(1) end
  if #x.shape ~= 3 then
    error(("%s: expected [d, h, w], [n=1, d, h, w, c=1] or [h, w], got [%s]"):format(what, text), 0)
  end
  return x
end

local function labels_of(x, like, what)
  local y = volume_of(x, what)
  for a = 1, 3 do
    if y.shape[a] ~= like.shape[a] then
      error(("%s: [%s] does not fit the volume [%s]"):format(what, table.concat(y.shape, ", "),
        table.concat(like.shape, ", ")), 0)
    end
  end
  if y.dtype:find("f") then y = y:gt(0.5) end
  if y.dtype ~= "u8" then y = y:cast("u8") end
  return y
end

-- Black and white: between the first and the last percent, so that one bright voxel hides nothing.
local function window(x)
  local s = ss._stats(x)
  if not s or not s.min or s.min == s.max then return 0, 1 end
  local lo, hi = s.min, s.max
  if x.dtype == "f32" and x.count <= 1 << 26 then
    local q = x:percentile(ss.tensor({ 0.5, 99.5 }, { device = "cpu" })):totable()
    if q[1] < q[2] then lo, hi = q[1], q[2] end
  end
  return lo, hi
end

local function present(labels)
  local list = {}
  for value in pairs(ss._stats(labels).counts or {}) do
    if value > 0 then list[#list + 1] = value end
  end
  table.sort(list)
  return list
end

-- The first and last slice along `axis` that hold a label, and the one that holds the most.
local function extent(labels, axis)
  local others = {}
  for a = 1, 3 do
    if a ~= axis then others[#others + 1] = a end
  end
  local area = labels:gt(0):cast("f32"):sum(others):totable()
  local first, last, most
  for i, n in ipairs(area) do
    if n > 0 then
      first, last = first or i, i
      if not most or n > area[most] then most = i end
    end
  end
  return first, last, most
end

-- `n` slice numbers along an axis, over the labelled part when there is one.
local function choose(size, axis, n, labels)
  local first, last = nil, nil
  if labels then first, last = extent(labels, axis) end
  if not first then
    first, last = math.max(1, math.floor(size * 0.1)), math.max(1, math.ceil(size * 0.9))
  end
  local list = {}
  for i = 1, math.min(n, last - first + 1) do
    local t = n == 1 and 0.5 or (i - 0.5) / math.min(n, last - first + 1)
    list[i] = math.min(last, first + math.floor(t * (last - first + 1)))
  end
  return list
end

-- ---- drawing ---------------------------------------------------------------

-- One slice with its contours in a box.
local function slice(c, x, y, w, h, volume, axis, index, lo, hi, overlays)
  ss.scoped(function()
    local image = volume:select(axis, index)
    if image.dtype == "f16" or image.dtype == "bf16" then image = image:cast("f32") end
    c:image(x, y, w, h, image, { lo = lo, hi = hi })
    for _, o in ipairs(overlays) do
      local labels = o.labels:select(axis, index)
      for i, value in ipairs(o.values) do
        local color = o.colors[(i - 1) % #o.colors + 1]
        c:outline(x, y, w, h, labels, value, { color = color, width = o.width })
      end
    end
  end)
end

-- A slice's number in its corner, readable on black and on white.
local function corner(c, x, y, text)
  local w = c:text_size(text, { size = 11 })
  c:rect(x + 2, y + 2, w + 7, 16, { fill = "#000000a0" })
  c:text(x + 5, y + 14, text, { size = 11, color = "#f4f4f5" })
end

-- Overlays of a mask, or of { truth =, prediction = }; then the labels to place slices by.
local function overlays_of(mask, volume)
  local list, guide = {}, nil
  if mask == nil then return list end
  local parts = ss.is_tensor(mask) and { truth = mask } or mask
  if type(parts) ~= "table" then
    error(("show: expected a mask or {truth =, prediction =}, got a %s"):format(type(mask)), 0)
  end
  style.options("show", parts, { truth = true, prediction = true })
  for _, name in ipairs { "truth", "prediction" } do
    if parts[name] then
      local labels = labels_of(parts[name], volume, name)
      guide = guide or labels
      list[#list + 1] = { labels = labels, values = present(labels), colors = style[name],
        -- The truth is a wide line, so that it shows beside a prediction that agrees.
        width = name == "truth" and not ss.is_tensor(mask) and 3 or 1.5,
        name = ss.is_tensor(mask) and "mask" or name }
    end
  end
  return list, guide
end

local function legend(c, x, y, overlays)
  for _, o in ipairs(overlays) do
    for i, value in ipairs(o.values) do
      local name = #o.values > 1 and ("%s %d"):format(o.name, value) or o.name
      c:line({ x, y, x + 18, y }, { color = o.colors[(i - 1) % #o.colors + 1], width = o.width })
      c:text(x + 24, y, name, { size = 12, valign = "middle", color = "#d7dae0" })
      x = x + 40 + c:text_size(name, { size = 12 })
    end
  end
end

-- Pixels of a slice across `axis`, so that its longer side has `side`.
local function box(shape, spacing, axis, side)
  local rows, columns = axis == 1 and 2 or 1, axis == 3 and 2 or 3
  local h, w = shape[rows] * spacing[rows], shape[columns] * spacing[columns]
  local scale = side / math.max(h, w)
  return math.max(1, math.floor(w * scale + 0.5)), math.max(1, math.floor(h * scale + 0.5))
end

local function montage(volume, mask, o)
  local overlays, guide = overlays_of(mask, volume)
  local spacing, side, n = o.spacing or { 1, 1, 1 }, o.side or 200, o.slices or 5
  local flat = volume.shape[1] == 1
  local axes = flat and { 1 } or { 1, 2, 3 }
  local gap, top, left, columns = 6, 34, 24, 1
  local rows, width, height = {}, 0, top
  for _, axis in ipairs(axes) do
    local w, h = box(volume.shape, spacing, axis, flat and math.max(side, 512) or side)
    local list = flat and { 1 } or choose(volume.shape[axis], axis, n, guide)
    rows[#rows + 1] = { axis = axis, w = w, h = h, list = list, y = height }
    width, height = math.max(width, #list * (w + gap)), height + h + gap
    columns = math.max(columns, #list)
  end
  local c = canvas.new(math.max(left + width + gap, 260), height, "#14161a")
  local lo, hi = window(volume)
  for _, row in ipairs(rows) do
    for i, index in ipairs(row.list) do
      local x = left + (i - 1) * (row.w + gap)
      slice(c, x, row.y, row.w, row.h, volume, row.axis, index, lo, hi, overlays)
      if not flat then
        corner(c, x, row.y, tostring(index))
      end
    end
    if not flat then
      c:text(15, row.y + row.h / 2, PLANES[row.axis],
        { size = 12, angle = -90, align = "center", color = "#9aa1ad" })
    end
  end
  c:text(left, 21, o.title or table.concat(volume.shape, " x "),
    { size = 13, bold = true, color = "#f4f4f5" })
  legend(c, left + 20 + c:text_size(o.title or table.concat(volume.shape, " x "),
    { size = 13, bold = true }), 17, overlays)
  return c
end

local show_options = { out = true, slices = true, side = true, spacing = true, title = true }

---Writes slices of a volume in three planes as a PNG, with the contours of a mask: one colour per
---label, or truth against prediction. Slice numbers count from 1. Returns the path.
---@param volume any [d, h, w], [1, d, h, w, 1] or an image [h, w]
---@param mask? any labels of the same shape, or { truth = labels, prediction = labels }
---@param options? {out?: string, slices?: integer, side?: integer, spacing?: number[],
---title?: string}
---@return string path
function M.show(volume, mask, options)
  local o = style.options("show", options, show_options)
  local out = o.out or "show.png"
  ss.no_grad(function()
    ss.scoped(function()
      local c <close> = montage(volume_of(volume, "show"), mask, o)
      c:save(out)
    end)
  end)
  return out
end

-- ---- cases -----------------------------------------------------------------

local function case_row(c, case, y, side, left, gap)
  local volume = volume_of(case.image, "cases")
  local overlays, guide = overlays_of({ truth = case.truth, prediction = case.prediction }, volume)
  local lo, hi = window(volume)
  local spacing = case.spacing or { 1, 1, 1 }
  for axis = 1, 3 do
    local index = guide and select(3, extent(guide, axis)) or volume.shape[axis] // 2 + 1
    local w, h = box(volume.shape, spacing, axis, side)
    local x = left + (axis - 1) * (side + gap)
    local bx, by = x + (side - w) // 2, y + (side - h) // 2
    slice(c, bx, by, w, h, volume, axis, index, lo, hi, overlays)
    corner(c, bx, by, ("%s %d"):format(PLANES[axis]:sub(-2, -2), index))
  end
  c:text(14, y + 18, case.name or "", { size = 13, bold = true, color = "#f4f4f5" })
  if case.dice then
    local value = type(case.dice) == "table" and case.dice or { case.dice }
    for i, d in ipairs(value) do
      local text = d == d and ("Dice %.3f"):format(d) or "Dice undefined"
      c:text(14, y + 24 + 17 * i, text, { size = 13, color = "#9aa1ad" })
    end
  end
  return overlays
end

---Writes validation cases, one per row in three planes where the object is largest, with the
---contours of truth and prediction and the Dice. Returns the path.
---@param cases {name: string, image: any, truth?: any, prediction?: any, dice?: number|number[],
---spacing?: number[]}[]
---@param options? {out?: string, side?: integer, title?: string, most?: integer}
---@return string path
function M.cases(cases, options)
  local o = style.options("cases", options, { out = true, side = true, title = true, most = true })
  if #cases == 0 then error("cases: expected at least one case", 2) end
  local side, gap, left, top = o.side or 220, 6, 150, 40
  local n = math.min(#cases, o.most or 8)
  local c <close> = canvas.new(left + 3 * (side + gap), top + n * (side + gap), "#14161a")
  local title = o.title or "truth and prediction"
  ss.no_grad(function()
    local overlays
    for i = 1, n do
      ss.scoped(function()
        local found = case_row(c, cases[i], top + (i - 1) * (side + gap), side, left, gap)
        for _, one in ipairs(found) do one.labels = nil end
        if not overlays or #found > #overlays then overlays = found end
      end)
    end
    c:text(14, 25, title, { size = 14, bold = true, color = "#f4f4f5" })
    legend(c, left + math.max(0, c:text_size(title, { size = 14, bold = true }) - left + 34), 20,
      overlays)
  end)
  local out = o.out or "cases.png"
  c:save(out)
  return out
end

-- For draw/maps.lua.
M.parts = { slice = slice, window = window, extent = extent, box = box, corner = corner }

return M
