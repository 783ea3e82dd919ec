-- Curves: panels one below the other, each with one or two y axes, ticks and a legend.
local axis = require "semisam.draw.axis"
local canvas = require "semisam.canvas"
local style = require "semisam.draw.style"

local M = {}

local LEFT, RIGHT, TOP, BOTTOM = 84, 76, 34, 40

local function curve(c, area, s, ax, ay)
  local points = {}
  for i, v in ipairs(s.y) do
    local px = ax.map(s.x[i] or 0 / 0)
    points[2 * i - 1] = area.x + area.w * px
    points[2 * i] = axis.finite(v) and area.y + area.h * (1 - ay.map(v)) or 0 / 0
  end
  local clip = { area.x - 2, area.y - 2, area.w + 4, area.h + 4 }
  c:line(points, { color = s.color, width = s.width or 1.8, dash = s.dash, clip = clip })
  if s.dots or #s.y == 1 then
    for i = 1, #points, 2 do
      if axis.finite(points[i + 1]) then
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
  local ax = axis.linear(lo, hi, 8, true)
  local al, ar = axis.y(panel, left, ""), axis.y(panel, right, "right_")
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
    local a, b = axis.range(panel.series, "x")
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
