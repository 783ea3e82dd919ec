-- study/figure.lua — the picture of a study: test Dice against labelled cases, the differences of
-- single cases, and the ablations.
local axis = require "semisam.draw.axis"
local canvas = require "semisam.canvas"
local rng = require "semisam.rng"
local scores = require "semisam.study.scores"
local style = require "semisam.draw.style"
local tables = require "semisam.study.tables"

local figure = {}

local WIDTH, PANEL, TOP, ROW = 1040, 330, 58, 26
local SMALL = { size = 12, color = style.faint }

local function text_of(labels) return labels and tostring(labels) or "as set" end

local function soft(color, alpha) return color .. alpha end

-- ---- frame -------------------------------------------------------------------

-- A panel with label counts on its x axis. Returns where a count and a value are.
local function frame(c, area, panel, counts)
  c:text(area.x - 46, area.y - 22 - 16 * panel.legend, panel.title,
    { size = 14, bold = true, color = style.ink })
  for _, t in ipairs(panel.axis.ticks) do
    local y = area.y + area.h * (1 - panel.axis.map(t[1]))
    c:line({ area.x, y, area.x + area.w, y }, { color = t[1] == 0 and style.faint or style.grid })
    c:text(area.x - 8, y, t[2], { size = 12, align = "right", valign = "middle",
      color = style.faint })
  end
  local function at(i) return area.x + area.w * (i - 0.5) / #counts end
  for i, labels in ipairs(counts) do
    c:text(at(i), area.y + area.h + 18, text_of(labels), { size = 12, align = "center",
      color = style.ink })
  end
  c:text(area.x + area.w / 2, area.y + area.h + 38, "labelled cases", { size = 12,
    align = "center", color = style.ink })
  c:text(area.x - 50, area.y + area.h / 2, panel.left, { size = 12, angle = -90,
    align = "center", color = style.ink })
  return at, function(v) return area.y + area.h * (1 - panel.axis.map(v)) end
end

local function legend(c, x, y, list)
  for _, item in ipairs(list) do
    c:circle(x + 5, y - 4, 4, { fill = item.color })
    c:text(x + 14, y, item.text, { size = 12, color = style.ink })
    x = x + 30 + c:text_size(item.text, { size = 12 })
  end
end

-- A mean and its interval.
local function bar(c, x, at, cell, color)
  c:line({ x, at(cell.lo), x, at(cell.hi) }, { color = color, width = 2 })
  for _, v in ipairs { cell.lo, cell.hi } do
    c:line({ x - 4, at(v), x + 4, at(v) }, { color = color, width = 2 })
  end
  c:circle(x, at(cell.mean), 4, { fill = color })
end

-- Where the i-th of n things at one label count stands beside its middle.
local function beside(i, n, step) return (i - (n + 1) / 2) * step end

-- ---- Dice against labels -------------------------------------------------------

local function dice_panel(c, area, plan, cells, counts, legends)
  local lo, hi = math.huge, -math.huge
  for _, row in ipairs(cells) do
    for _, cell in pairs(row) do
      for _, m in ipairs(cell.means) do lo, hi = math.min(lo, m), math.max(hi, m) end
      lo, hi = math.min(lo, cell.lo), math.max(hi, cell.hi)
    end
  end
  local at, y = frame(c, area, { title = "Test Dice", left = "Dice", legend = legends,
    axis = axis.linear(lo, hi, 6) }, counts)
  local names = {}
  for i, arm in ipairs(plan.arms) do
    local color, line = style.curves[(i - 1) % #style.curves + 1], {}
    for k in ipairs(counts) do
      local cell, x = cells[i][k], at(k) + beside(i, #plan.arms, 14)
      for _, m in ipairs(cell and cell.means or {}) do
        c:circle(x, y(m), 2.4, { color = color, width = 1 })
      end
      if cell and cell.complete then
        line[#line + 1], line[#line + 2] = x, y(cell.mean)
        bar(c, x, y, cell, color)
      end
    end
    if #line > 2 then c:line(line, { color = soft(color, "90"), width = 1.6 }) end
    names[i] = { text = arm.name, color = color }
  end
  legend(c, area.x - 46, area.y - 14 - 16 * (legends - 1), names)
end

-- ---- differences of single cases --------------------------------------------------

local function pairs_of(plan, cells, counts)
  local out, n, index = {}, #plan.arms, {}
  for i, arm in ipairs(plan.arms) do index[arm] = i end
  for i, pair in ipairs(tables.pairs_of(plan)) do
    local a, b = index[pair[1]], index[pair[2]]
    local color = style.curves[((a == n and b or n + i) - 1) % #style.curves + 1]
    local item = { text = ("%s minus %s"):format(pair[1].name, pair[2].name), color = color }
    for k in ipairs(counts) do item[k] = scores.paired(plan, cells[a][k], cells[b][k]) end
    out[i] = item
  end
  return out
end

local function pair_panel(c, area, list, counts)
  local lo, hi = 0, 0
  for _, item in ipairs(list) do
    for k in ipairs(counts) do
      for _, d in ipairs(item[k] and item[k].list or {}) do
        if axis.finite(d) then lo, hi = math.min(lo, d), math.max(hi, d) end
      end
    end
  end
  local at, y = frame(c, area, { title = "Difference on the same case", legend = math.max(1, #list),
    left = "Dice difference", axis = axis.linear(lo, hi, 6) }, counts)
  for i, item in ipairs(list) do
    local r = rng { seed = i, purpose = "figure" }
    for k in ipairs(counts) do
      local d = item[k]
      local x = at(k) + beside(i, #list, 26)
      for _, v in ipairs(d and d.list or {}) do
        local dx = r:number(-8, 8)
        if axis.finite(v) then c:circle(x + dx, y(v), 1.8, { fill = soft(item.color, "60") }) end
      end
      if d then bar(c, x, y, d, style.ink) end
    end
  end
  for i, item in ipairs(list) do
    legend(c, area.x - 46, area.y - 14 - 16 * (#list - i), { item })
  end
end

-- ---- ablations ------------------------------------------------------------------

local function ablations_of(plan, by)
  local out, reference = {}, plan.arms[#plan.arms]
  for _, labels in ipairs(tables.sorted(plan.ablate_at)) do
    local against = scores.cell(plan, by, reference, labels)
    for _, arm in ipairs(plan.ablations) do
      local d = scores.paired(plan, scores.cell(plan, by, arm, labels), against)
      if d then
        d.text = labels and ("%s, %d labels"):format(arm.name, labels) or arm.name
        out[#out + 1] = d
      end
    end
  end
  return out, reference
end

local function ablation_panel(c, top, list, reference)
  local area = { x = 300, y = top + 44, w = WIDTH - 300 - 60, h = ROW * #list }
  local lo, hi = 0, 0
  for _, d in ipairs(list) do lo, hi = math.min(lo, d.lo), math.max(hi, d.hi) end
  local ax = axis.linear(lo, hi, 8)
  local function at(v) return area.x + area.w * ax.map(v) end
  c:text(18, top + 20, ("Changed choices: test Dice minus that of %s"):format(reference.name),
    { size = 14, bold = true, color = style.ink })
  for _, t in ipairs(ax.ticks) do
    c:line({ at(t[1]), area.y, at(t[1]), area.y + area.h },
      { color = t[1] == 0 and style.faint or style.grid })
    c:text(at(t[1]), area.y + area.h + 18, t[2], { size = 12, align = "center",
      color = style.faint })
  end
  for i, d in ipairs(list) do
    local y = area.y + ROW * (i - 0.5)
    c:text(area.x - 14, y, d.text, { size = 12, align = "right", valign = "middle",
      color = style.ink })
    c:line({ at(d.lo), y, at(d.hi), y }, { color = style.curves[1], width = 2 })
    for _, v in ipairs { d.lo, d.hi } do
      c:line({ at(v), y - 4, at(v), y + 4 }, { color = style.curves[1], width = 2 })
    end
    for _, m in ipairs(d.seeds) do
      c:circle(at(m), y, 2.4, { color = style.curves[1], width = 1 })
    end
    c:circle(at(d.mean), y, 4, { fill = style.curves[1] })
  end
end

-- ---- the picture -----------------------------------------------------------------

--- Writes the picture of the runs that are there.
---@param plan table of study/arms.lua
---@param by table of scores.all
---@param path string PNG
function figure.write(plan, by, path)
  local counts, cells = tables.sorted(plan.counts), {}
  for i, arm in ipairs(plan.arms) do
    cells[i] = {}
    for k, labels in ipairs(counts) do cells[i][k] = scores.cell(plan, by, arm, labels) end
  end
  local compared = pairs_of(plan, cells, counts)
  local changed, reference = ablations_of(plan, by)
  local top = TOP + 16 * math.max(0, #compared - 1)
  local foot = top + PANEL + 58
  local height = foot + (changed[1] and 44 + ROW * #changed + 34 or 0) + 26
  local c <close> = canvas.new(WIDTH, height, style.page)
  local half = WIDTH // 2
  dice_panel(c, { x = 66, y = top, w = half - 66 - 16, h = PANEL }, plan, cells, counts,
    math.max(1, #compared))
  pair_panel(c, { x = half + 66, y = top, w = half - 66 - 18, h = PANEL }, compared, counts)
  if changed[1] then ablation_panel(c, foot, changed, reference) end
  c:text(18, height - 10, ("Dots: means and 95 %% bootstrap intervals over the test cases of %d "
    .. "seeds. Rings: single seeds. Faint dots: single cases."):format(#plan.seeds), SMALL)
  c:save(path)
end

return figure
