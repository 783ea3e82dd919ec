-- One case as the method sees it: truth and prediction on the image, then the mask that prompts the
-- generalists, the mean and the variance of their answers, and where they are trusted.
local canvas = require "semisam.canvas"
local parts = require("semisam.draw.slices").parts
local ss = require "semisam"
local style = require "semisam.draw.style"

local M = {}

local INK, FAINT, PAGE = "#f4f4f5", "#9aa1ad", "#14161a"

-- Dark blue over green to yellow: equal steps look equal, also in grey (after viridis).
local STOPS = {
  { 0.27, 0.00, 0.33 }, { 0.23, 0.32, 0.55 }, { 0.13, 0.57, 0.55 }, { 0.37, 0.79, 0.38 },
  { 0.99, 0.91, 0.14 },
}

local function palette()
  local list = {}
  for i = 0, 255 do
    local at = i / 255 * (#STOPS - 1)
    local k = math.min(math.floor(at), #STOPS - 2)
    local a, b, part = STOPS[k + 1], STOPS[k + 2], at - k
    list[i + 1] = {}
    for c = 1, 3 do list[i + 1][c] = a[c] + (b[c] - a[c]) * part end
  end
  return ss.tensor(list, { device = "cpu" })
end

-- The case with its maps where pictures are made.
local function on_cpu(case)
  local out = {}
  for name, x in pairs(case) do out[name] = ss.is_tensor(x) and x:to "cpu" or x end
  return out
end

-- A slice [h, w] of values 0..top as colours [h, w, 3].
local function heat(x, top, colors)
  local h, w = x.shape[1], x.shape[2]
  local index = (x * (255 / top)):clamp(0, 255):to("i64"):reshape { h * w }
  return colors:index_select(index, 1):reshape { h, w, 3 }
end

-- The columns a case has: { title, draw(c, x, y, w, h, axis, index) }.
local function columns(case, colors)
  local lo, hi = parts.window(case.image)
  local list = {}
  local function contour(labels, color, width)
    return { labels = labels, values = { 1 }, colors = { color }, width = width }
  end
  local function grey(title, overlays)
    list[#list + 1] = { title, function(c, x, y, w, h, axis, index)
      parts.slice(c, x, y, w, h, case.image, axis, index, lo, hi, overlays)
    end }
  end
  local truth = case.truth and contour(case.truth, style.truth[1], 1.6)
  local function map(title, values, top)
    if not values then return end
    list[#list + 1] = { title, function(c, x, y, w, h, axis, index)
      ss.scoped(function()
        c:image(x, y, w, h, heat(values:select(axis, index), top, colors), { smooth = false })
        if truth then
          local inside = truth.labels:select(axis, index)
          c:outline(x, y, w, h, inside, 1, { color = "#000000a0", width = 2.6 })
          c:outline(x, y, w, h, inside, 1, { color = "#ffffff", width = 1.2 })
        end
      end)
    end }
  end
  local seen = { truth }
  if case.prediction then
    seen[#seen + 1] = contour(case.prediction, style.prediction[1], 1.6)
  end
  grey(case.truth and "truth, prediction" or "prediction", seen)
  if case.coarse then grey("coarse mask", { contour(case.coarse, style.prediction[2], 1.6) }) end
  map("mean, 0 to 1", case.mean, 1)
  map("variance, 0 to 0.25", case.variance, 0.25)
  map("trusted", case.confidence, 1)
  return list
end

-- Slice numbers along the three axes: where the truth, or else the coarse mask, is largest.
local function places(case)
  local guide, out = case.truth or case.coarse or case.prediction, {}
  for axis = 1, 3 do
    local _, _, most = parts.extent(guide, axis)
    out[axis] = most or case.image.shape[axis] // 2 + 1
  end
  return out
end

---A canvas with one row per plane. All maps are [d, h, w] of one size; masks are u8, the others
---f32. The caller saves and closes it.
---@param case {name: string, image: any, truth: any?, prediction: any?, coarse: any?, mean: any?,
---variance: any?, confidence: any?, note: string?}
---@param options? {side?: integer}
function M.case(case, options)
  local side, gap, left, top = options and options.side or 150, 5, 6, 46
  return ss.no_grad(ss.scoped, function()
    case = on_cpu(case)
    local list, at = columns(case, palette()), places(case)
    local width = math.max(left + #list * (side + gap), 320)
    local c = canvas.new(width, top + 3 * (side + gap), PAGE)
    c:text(left, 18, case.name, { size = 13, bold = true, color = INK })
    c:text(left + 14 + c:text_size(case.name, { size = 13, bold = true }), 18, case.note or "",
      { size = 12, color = FAINT })
    for k, column in ipairs(list) do
      local x = left + (k - 1) * (side + gap)
      c:text(x, 38, column[1], { size = 12, color = FAINT })
      for axis = 1, 3 do
        local w, h = parts.box(case.image.shape, { 1, 1, 1 }, axis, side)
        local bx = x + (side - w) // 2
        local by = top + (axis - 1) * (side + gap) + (side - h) // 2
        column[2](c, bx, by, w, h, axis, at[axis])
        if k == 1 then
          parts.corner(c, bx, by, ("%s %d"):format(("zyx"):sub(axis, axis), at[axis]))
        end
      end
    end
    return c
  end)
end

---The slice across z where the object is largest, as PNG bytes: { {name, png, w, h}, ... } of the
---image, the truth and the prediction.
---@param case table see case()
function M.views(case)
  return ss.no_grad(ss.scoped, function()
    case = on_cpu(case)
    local at, out = places(case)[1], {}
    local lo, hi = parts.window(case.image)
    local h, w = case.image.shape[2], case.image.shape[3]
    for _, part in ipairs { { "image", lo, hi }, { "truth", 0, 1 }, { "prediction", 0, 1 } } do
      if case[part[1]] then
        local c <close> = canvas.new(w, h, PAGE)
        c:image(0, 0, w, h, case[part[1]]:select(1, at),
          { lo = part[2], hi = part[3], smooth = false })
        out[#out + 1] = { name = part[1], png = c:png(), w = w, h = h }
      end
    end
    return out
  end)
end

return M
