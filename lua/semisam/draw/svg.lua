-- Curves as SVG inside a page. Colours are the page's CSS classes (c1 to c7, grid, ink), so that
-- one picture fits a light and a dark page.
local axis = require "semisam.draw.axis"

local svg = {}

local W, H = 480, 230
local AREA = { x = 52, y = 10, w = W - 52 - 12, h = H - 10 - 26 }
local COLORS = 7

--- Text for HTML.
function svg.escape(s)
  return (tostring(s):gsub("[&<>\"]",
    { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

-- A value for a legend.
local function short(v)
  if not v then return "" end
  local a = math.abs(v)
  if a ~= 0 and (a < 1e-3 or a >= 1e5) then return ("%.2e"):format(v) end
  return (("%.4g"):format(v))
end

local function put(out, format, ...) out[#out + 1] = format:format(...) end

local function grid(out, ax, ay)
  for _, t in ipairs(ay.ticks) do
    local y = AREA.y + AREA.h * (1 - ay.map(t[1]))
    put(out, '<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>', AREA.x, y, AREA.x + AREA.w,
      y)
    put(out, '<text x="%d" y="%.1f" text-anchor="end">%s</text>', AREA.x - 6, y + 4, t[2])
  end
  for _, t in ipairs(ax.ticks) do
    put(out, '<text x="%.1f" y="%d" text-anchor="middle">%s</text>', AREA.x + AREA.w * ax.map(t[1]),
      H - 8, t[2])
  end
end

-- Where phases begin.
local function marks(out, ax, list)
  for _, m in ipairs(list or {}) do
    local at = ax.map(m[1])
    if at > 0.002 and at < 1 then
      local x = AREA.x + AREA.w * at
      put(out, '<line class="mark" x1="%.1f" y1="%d" x2="%.1f" y2="%d"><title>%s</title></line>', x,
        AREA.y, x, AREA.y + AREA.h, svg.escape(m[2]))
    end
  end
end

-- A series as one path; what is no number interrupts it.
local function curve(out, s, class, ax, ay)
  local path, pen, count = {}, false, 0
  for i, v in ipairs(s.y) do
    local px, py = ax.map(s.x[i]), axis.finite(v) and ay.map(v) or 0 / 0
    if py == py and px == px then
      local x, y = AREA.x + AREA.w * px, AREA.y + AREA.h * (1 - py)
      path[#path + 1] = ("%s%.1f %.1f"):format(pen and "L" or "M", x, y)
      pen, count = true, count + 1
      if s.dots then put(out, '<circle class="%s" cx="%.1f" cy="%.1f" r="2.6"/>', class, x, y) end
    elseif not s.dots then
      pen = false
    end
  end
  if count == 1 and not s.dots then path[#path + 1] = "h1" end
  put(out, '<path class="%s%s" d="%s"/>', class, s.dash and " dash" or "", table.concat(path))
end

local function last_of(s)
  for i = #s.y, 1, -1 do
    if axis.finite(s.y[i]) then return s.y[i] end
  end
end

--- A figure: title, legend with the last values, curves.
---   chart = { title, series = {{name, x, y, dots, dash}, ..}, range = {lo, hi}?, log = bool?,
---   marks = {{x, text}, ..}?, x = {lo, hi}? }
--- A series without points is left out; nil if none is left.
---@return string?
function svg.chart(chart)
  local series = {}
  for _, s in ipairs(chart.series) do
    if s and s.y and last_of(s) then series[#series + 1] = s end
  end
  if #series == 0 then return nil end
  local lo, hi = axis.range(series, "x")
  if chart.x then lo, hi = chart.x[1], chart.x[2] end
  local ax = axis.linear(lo, math.max(hi, lo + 1), 6, true)
  local ay = axis.y({ log = chart.log, range = chart.range }, series, "")
  local out, legend = {}, {}
  put(out, '<svg viewBox="0 0 %d %d" role="img" aria-label="%s">', W, H, svg.escape(chart.title))
  grid(out, ax, ay)
  marks(out, ax, chart.marks)
  for i, s in ipairs(series) do
    local class = ("c%d"):format((i - 1) % COLORS + 1)
    curve(out, s, class, ax, ay)
    legend[i] = ('<span class="key"><i class="%s"></i>%s <b>%s</b></span>'):format(class,
      svg.escape(s.name), short(last_of(s)))
  end
  out[#out + 1] = "</svg>"
  return ("<figure><figcaption><strong>%s</strong>%s</figcaption>%s</figure>"):format(
    svg.escape(chart.title), table.concat(legend), table.concat(out, "\n"))
end

return svg
