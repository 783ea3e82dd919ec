-- Curves: panels one below the other, each with one or two y axes, ticks and a legend.
local canvas = require "semisam.canvas"
local style = require "semisam.draw.style"

local M = {}

local LEFT, RIGHT, TOP, BOTTOM = 76, 76, 34, 40

local function finite(v) return type(v) == "number" and v == v and math.abs(v) < math.huge end

-- A step of 1, 2 or 5 times a power of ten that divides `span` into about `n`.
local function nice(span, n)
  local raw = span / n
  local power = 10.0 ^ math.floor(math.log(raw, 10))
  for _, m in ipairs { 1, 2, 5 } do
    if m * power >= raw * 0.999 then return m * power end
  end
  return 10 * power
end

local function number(v, step)
  if v == 0 then return "0" end
  local a = math.abs(v)
  if a >= 1e5 or a < 1e-3 then return (("%.2g"):format(v):gsub("e([+-])0*(%d)", "e%1%2")) end
  local digits = math.max(0, math.ceil(-math.log(step, 10) - 1e-9))
  return ("%%.%df"):format(digits):format(v)
end

-- An axis over the values of `key` in series: { lo, hi, ticks, map(v) -> 0..1 }.
local function linear(lo, hi, n, fixed)
  if lo > hi then lo, hi = 0, 1 end
  if lo == hi and lo == 0 then
    hi = 1
  elseif lo == hi then
    lo, hi = lo - math.abs(lo) * 0.05, hi + math.abs(hi) * 0.05
  end
  local step = nice(hi - lo, n)
  if not fixed then
    lo, hi = math.floor(lo / step + 1e-9) * step, math.ceil(hi / step - 1e-9) * step
  end
  local ticks = {}
  for k = math.ceil(lo / step - 1e-6), math.floor(hi / step + 1e-6) do
    ticks[#ticks + 1] = { k * step, number(k * step, step) }
  end
  return { ticks = ticks, map = function(v) return (v - lo) / (hi - lo) end }
end

local function logarithmic(lo, hi)
  lo, hi = math.floor(math.log(lo, 10) + 1e-9), math.ceil(math.log(hi, 10) - 1e-9)
  if lo == hi then hi = lo + 1 end
  local ticks, every = {}, math.max(1, (hi - lo) // 5)
  for k = lo, hi, every do ticks[#ticks + 1] = { 10.0 ^ k, ("1e%d"):format(k) } end
  return {
    ticks = ticks,
    map = function(v) return v > 0 and (math.log(v, 10) - lo) / (hi - lo) or 0 / 0 end,
  }
end

local function range(series, key, positive)
  local lo, hi = math.huge, -math.huge
  for _, s in ipairs(series) do
    for _, v in ipairs(s[key]) do
      if finite(v) and (not positive or v > 0) then lo, hi = math.min(lo, v), math.max(hi, v) end
    end
  end
  return lo, hi
end

local function y_axis(panel, series, prefix)
  if #series == 0 then return nil end
  local lo, hi = range(series, "y", panel[prefix .. "log"])
  if panel[prefix .. "log"] and lo <= hi then return logarithmic(lo, hi) end
  local limits = panel[prefix .. "range"]
  if limits then return linear(limits[1], limits[2], 5, true) end
  return linear(lo, hi, 5)
end

local function curve(c, area, s, ax, ay)
  local points = {}
  for i, v in ipairs(s.y) do
    local px = ax.map(s.x[i] or 0 / 0)
    points[2 * i - 1] = area.x + area.w * px
    points[2 * i] = finite(v) and area.y + area.h * (1 - ay.map(v)) or 0 / 0
  end
  local clip = { area.x - 2, area.y - 2, area.w + 4, area.h + 4 }
  c:line(points, { color = s.color, width = s.width or 1.8, dash = s.dash, clip = clip })
  if s.dots or #s.y == 1 then
    for i = 1, #points, 2 do
      if finite(points[i + 1]) then
        c:circle(points[i], points[i + 1], 2.6, { fill = s.color, clip = clip })
      end
    end
  end
end

local function frame(c, area, panel, ax, left, right, last)
  for _, t in ipairs(left and left.ticks or {}) do
    local y = area.y + area.h * (1 - left.map(t[1]))
    c:line({ area.x, y, area.x + area.w, y }, { color = style.grid })
    c:text(area.x - 8, y, t[2],
      { size = 12, align = "right", valign = "middle", color = style.faint })
  end
  for _, t in ipairs(right and right.ticks or {}) do
    local y = area.y + area.h * (1 - right.map(t[1]))
    if not left then c:line({ area.x, y, area.x + area.w, y }, { color = style.grid }) end
    c:text(area.x + area.w + 8, y, t[2], { size = 12, valign = "middle", color = style.faint })
  end
  for _, t in ipairs(ax.ticks) do
    local x = area.x + area.w * ax.map(t[1])
    c:line({ x, area.y + area.h, x, area.y + area.h + 4 }, { color = style.faint })
    c:text(x, area.y + area.h + 18, t[2], { size = 12, align = "center", color = style.faint })
  end
  c:line({ area.x, area.y, area.x, area.y + area.h, area.x + area.w, area.y + area.h },
    { color = style.faint })
  if right then
    c:line({ area.x + area.w, area.y, area.x + area.w, area.y + area.h }, { color = style.faint })
    c:text(area.x + area.w + 62, area.y + area.h / 2, panel.right or "",
      { size = 12, angle = 90, align = "center", color = style.ink })
  end
  c:text(20, area.y + area.h / 2, panel.left or "",
    { size = 12, angle = -90, align = "center", color = style.ink })
  if last then
    c:text(area.x + area.w / 2, area.y + area.h + 34, panel.x or "step",
      { size = 12, align = "center", color = style.ink })
  end
end

local function legend(c, area, series, title)
  local x = area.x
  if title then
    c:text(x, area.y - 12, title, { size = 13, bold = true, color = style.ink })
    x = x + c:text_size(title, { size = 13, bold = true }) + 18
  end
  for _, s in ipairs(series) do
    if s.name and #s.y > 0 then
      c:line({ x, area.y - 16, x + 20, area.y - 16 },
        { color = s.color, width = 2.4, dash = s.dash })
      c:text(x + 26, area.y - 12, s.name, { size = 12, color = style.ink })
      x = x + 44 + c:text_size(s.name, { size = 12 })
    end
  end
end

local function panel_in(c, area, panel, last, lo, hi)
  local left, right, all = {}, {}, {}
  for i, s in ipairs(panel.series) do
    local copy = { color = style.curves[(i - 1) % #style.curves + 1] }
    for k, v in pairs(s) do copy[k] = v end
    all[i] = copy
    local side = s.axis == "right" and right or left
    side[#side + 1] = copy
  end
  local ax = linear(lo, hi, 8, true)
  local al, ar = y_axis(panel, left, ""), y_axis(panel, right, "right_")
  frame(c, area, panel, ax, al, ar, last)
  for _, s in ipairs(left) do curve(c, area, s, ax, al) end
  for _, s in ipairs(right) do curve(c, area, s, ax, ar) end
  legend(c, area, all, panel.title)
end

---Writes panels of curves, one below the other, as a PNG. A panel is { title, left = "label",
---right = "label", x = "label", log = bool, range = {lo, hi}, right_log, right_range, series }, a
---series { name, x = {...}, y = {...}, axis = "right"?, color, dash = {on, off}, width, dots }.
---What is not a number leaves a gap. Returns the path.
---@param options {panels: table[], out?: string, title?: string, width?: integer, height?: integer}
---@return string path
function M.curves(options)
  local o = style.options("curves", options,
    { panels = true, out = true, title = true, width = true, height = true })
  if type(o.panels) ~= "table" or #o.panels == 0 then error("curves: expected panels", 2) end
  local width, each, top = o.width or 1000, o.height or 260, o.title and 34 or 6
  local inner = each - TOP - 22
  local c <close> = canvas.new(width, top + each * #o.panels + BOTTOM - 22, style.page)
  if o.title then
    c:text(LEFT, 24, o.title, { size = 15, bold = true, color = style.ink })
  end
  -- One x axis for all, so that what happens at a step stands in one line.
  local lo, hi = math.huge, -math.huge
  for _, panel in ipairs(o.panels) do
    local a, b = range(panel.series, "x")
    lo, hi = math.min(lo, a), math.max(hi, b)
  end
  for i, panel in ipairs(o.panels) do
    local area = { x = LEFT, y = top + (i - 1) * each + TOP, w = width - LEFT - RIGHT, h = inner }
    panel_in(c, area, panel, i == #o.panels, lo, hi)
  end
  local out = o.out or "curves.png"
  c:save(out)
  return out
end

return M
