-- Axes: round steps, ticks with their text, and the map from a value to 0..1.
local axis = {}

--- A number that can be drawn.
function axis.finite(v) return type(v) == "number" and v == v and math.abs(v) < math.huge end

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

--- An axis from lo to hi with about n steps, wider so that it ends on ticks unless `fixed`.
---@return table axis { ticks = {{value, text}, ...}, map = function(v): 0..1 }
function axis.linear(lo, hi, n, fixed)
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

--- An axis of whole powers of ten around lo..hi.
function axis.logarithmic(lo, hi)
  lo, hi = math.floor(math.log(lo, 10) + 1e-9), math.ceil(math.log(hi, 10) - 1e-9)
  if lo == hi then hi = lo + 1 end
  local ticks, every = {}, math.max(1, (hi - lo) // 5)
  for k = lo, hi, every do ticks[#ticks + 1] = { 10.0 ^ k, ("1e%d"):format(k) } end
  return {
    ticks = ticks,
    map = function(v) return v > 0 and (math.log(v, 10) - lo) / (hi - lo) or 0 / 0 end,
  }
end

--- Least and largest finite value of `key` in all series; lo > hi if there is none.
function axis.range(series, key, positive)
  local lo, hi = math.huge, -math.huge
  for _, s in ipairs(series) do
    for _, v in ipairs(s[key]) do
      if axis.finite(v) and (not positive or v > 0) then
        lo, hi = math.min(lo, v), math.max(hi, v)
      end
    end
  end
  return lo, hi
end

--- The axis a panel asks for on one side: prefix "" is left, "right_" right. nil without series.
function axis.y(panel, series, prefix)
  if #series == 0 then return nil end
  local lo, hi = axis.range(series, "y", panel[prefix .. "log"])
  if panel[prefix .. "log"] and lo <= hi then return axis.logarithmic(lo, hi) end
  local limits = panel[prefix .. "range"]
  if limits then return axis.linear(limits[1], limits[2], 5, true) end
  return axis.linear(lo, hi, 5)
end

return axis
