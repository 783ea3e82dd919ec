-- evaluation.lua — predicted masks against reference masks: a table, summary.json as nnU-Net writes
-- it, and one CSV row per case and class. The definitions of the metrics are in metrics.lua.
local ss = require "semisam"
local metrics = require "semisam.metrics"
local preprocess = require "semisam.data.preprocess"

local evaluation = {}

-- Columns of the table and of metrics.csv, with their names in metrics.lua.
local COLUMNS = {
  { "Dice", "dice" }, { "IoU", "iou" },
  { "HD95_pooled_mm", "hd95_pooled" }, { "HD95_max_mm", "hd95_max" },
  { "ASD_mm", "asd" }, { "ASSD_mm", "assd" },
}
local COUNTS = { "tp", "fp", "fn", "tn" }

local function mask(path, channel)
  local lab = ss.nifti_read(path, { as = "label" })
  if #lab.data.shape == 4 then
    lab.data = lab.data:select(1, math.min(channel, lab.data.shape[1]))
  end
  return lab
end

--- Metrics of one pair of files, per class.
---@param pair {case: string, prediction: string, reference: string}
---@param opts {classes: integer, label_channel: integer?, spacing: number?, compat: string?}
---@return table[] one metrics.case per foreground class
function evaluation.pair(pair, opts)
  return ss.no_grad(ss.scoped, function()
    local a, b = mask(pair.prediction, 1), mask(pair.reference, opts.label_channel or 1)
    preprocess.same_grid(a, pair.prediction, b, pair.reference)
    local spacing = opts.spacing and { opts.spacing, opts.spacing, opts.spacing } or b.spacing
    local out = {}
    for k = 1, math.max(1, opts.classes - 1) do
      local inside = function(x) return opts.classes == 1 and x:gt(0) or x:eq(k) end
      out[k] = metrics.case(inside(a.data), inside(b.data), { spacing = spacing,
        compat = opts.compat })
    end
    return out
  end)
end

-- Mean over classes of the classes' means.
local function foreground(classes)
  local out = {}
  for _, c in ipairs(COLUMNS) do
    local sum, n = 0, 0
    for _, s in ipairs(classes) do
      local v = s[c[2]].mean
      if v == v then sum, n = sum + v, n + 1 end
    end
    out[c[1]] = n > 0 and sum / n or 0 / 0
  end
  return out
end

--- Metrics of all pairs.
---@param list {case: string, prediction: string, reference: string}[]
---@param opts table see pair()
---@return table {cases = {{case, prediction, reference, classes}}, classes, mean = {Dice, ..}}
function evaluation.run(list, opts)
  local out = { cases = {}, classes = {}, opts = opts }
  for i, pair in ipairs(list) do
    out.cases[i] = {
      case = pair.case, prediction = pair.prediction, reference = pair.reference,
      classes = evaluation.pair(pair, opts),
    }
  end
  for k = 1, #list > 0 and #out.cases[1].classes or 0 do
    local of_class = {}
    for i, c in ipairs(out.cases) do of_class[i] = c.classes[k] end
    out.classes[k] = metrics.summary(of_class)
  end
  out.mean = foreground(out.classes)
  return out
end

local function number(v)
  if v ~= v or v == math.huge or v == -math.huge then return nil end
  return v
end

-- The words of nnU-Net's summary.json for one case; values that are not finite are left out.
local function words(m)
  local out = {
    TP = m.tp, FP = m.fp, FN = m.fn, TN = m.tn, n_pred = m.tp + m.fp, n_ref = m.tp + m.fn,
  }
  for _, c in ipairs(COLUMNS) do out[c[1]] = number(m[c[2]]) end
  return out
end

local function means(s)
  local out = {}
  for _, c in ipairs(COLUMNS) do out[c[1]] = number(s[c[2]].mean) end
  return out
end

local function csv(result)
  local lines, head = {}, { "case", "class" }
  for _, c in ipairs(COLUMNS) do head[#head + 1] = c[1] end
  for _, c in ipairs(COUNTS) do head[#head + 1] = c:upper() end
  lines[1] = table.concat(head, ",")
  for _, case in ipairs(result.cases) do
    for k, m in ipairs(case.classes) do
      local row = { case.case, tostring(k) }
      for _, c in ipairs(COLUMNS) do row[#row + 1] = ("%.6g"):format(m[c[2]]) end
      for _, c in ipairs(COUNTS) do row[#row + 1] = ("%.0f"):format(m[c]) end
      lines[#lines + 1] = table.concat(row, ",")
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Writes DIR/summary.json and DIR/metrics.csv.
function evaluation.save(result, dir)
  local json = { metric_per_case = {}, mean = {}, foreground_mean = {},
    definitions = metrics.definitions }
  for i, case in ipairs(result.cases) do
    local per_class = {}
    for k, m in ipairs(case.classes) do per_class[tostring(k)] = words(m) end
    json.metric_per_case[i] = {
      reference_file = case.reference, prediction_file = case.prediction, metrics = per_class,
    }
  end
  for k, s in ipairs(result.classes) do json.mean[tostring(k)] = means(s) end
  for _, c in ipairs(COLUMNS) do json.foreground_mean[c[1]] = number(result.mean[c[1]]) end
  ss.fs.mkdir(dir)
  ss.fs.write(dir .. "/summary.json", ss.json.encode(json))
  ss.fs.write(dir .. "/metrics.csv", csv(result))
end

--- The result as lines of text: each case, the means, how many masks were empty, the definitions.
function evaluation.text(result)
  local head = { ("%-24s %5s"):format("case", "class") }
  for _, c in ipairs(COLUMNS) do head[#head + 1] = ("%14s"):format(c[1]) end
  local lines = { table.concat(head, " ") }
  local function row(name, class, value)
    local parts = { ("%-24s %5s"):format(name, class) }
    for _, c in ipairs(COLUMNS) do parts[#parts + 1] = ("%14.4f"):format(value(c)) end
    lines[#lines + 1] = table.concat(parts, " ")
  end
  for _, case in ipairs(result.cases) do
    for k, m in ipairs(case.classes) do row(case.case, k, function(c) return m[c[2]] end) end
  end
  for k, s in ipairs(result.classes) do
    row(("mean of %d"):format(s.cases), k, function(c) return s[c[2]].mean end)
    if s.empty_pred + s.empty_truth + s.empty_both > 0 then
      lines[#lines + 1] = (
        "class %d: %d predictions and %d references are empty, %d times both; their distances are "
        .. "left out of the means"):format(k, s.empty_pred, s.empty_truth, s.empty_both)
      row("with empty = diagonal", k, function(c) return s[c[2]].penalised or s[c[2]].mean end)
    end
  end
  for _, c in ipairs(COLUMNS) do
    lines[#lines + 1] = ("%s: %s"):format(c[1], metrics.definitions[c[2]])
  end
  return table.concat(lines, "\n")
end

return evaluation
