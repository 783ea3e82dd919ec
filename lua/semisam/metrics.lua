-- Segmentation metrics, each with its definition in its name, and their summaries.
--
-- Masks are [d,h,w] of any type, inside where greater than 0. `spacing` is the voxel size in mm in
-- the order of the file, {x, y, z}, as ss.nifti_read gives it; 1 without it. Surfaces are the
-- voxels with one of 6 neighbours outside.
--
-- Empty masks: Dice and IoU are 1 when both are empty and 0 when one is; distances are NaN. A
-- summary gives the mean of the finite ones, how many were not finite, and a penalised mean in
-- which one empty mask counts as the image's diagonal and two as 0.
-- compat = "medpy" repeats tables of SSL4MIS and its descendants: voxel units, and every metric 0
-- when either mask is empty.
local M = {}

---What the metrics mean, for the heads of reports.
M.definitions = {
  dice = "2 TP / (2 TP + FP + FN)",
  iou = "TP / (TP + FP + FN)",
  hd95_pooled = "95th percentile of surface distances, both directions pooled (medpy)",
  hd95_max = "larger of the two directed 95th percentiles (MONAI)",
  asd = "mean distance of the prediction's surface to the truth's",
  assd = "mean of the two directed mean surface distances",
  hd = "largest surface distance (Hausdorff)",
  volume = "volume of the prediction in ml",
  volume_truth = "volume of the truth in ml",
  volume_error = "(volume - volume_truth) / volume_truth",
}

---The metrics in the order of reports.
M.names = {
  "dice", "iou", "hd95_pooled", "hd95_max", "asd", "assd", "hd", "volume", "volume_truth",
  "volume_error",
}

local DISTANCES = { "hd95_pooled", "hd95_max", "asd", "assd", "hd" }
local NAN = 0 / 0

local function counts_of(pred, truth)
  local c = pred:overlap(truth):flat()
  return { tp = c[1], fp = c[2], fn = c[3], tn = c[4] }
end

local function ratio(c, weight)
  local whole = weight * c.tp + c.fp + c.fn
  return whole == 0 and 1.0 or weight * c.tp / whole
end

---Dice coefficient; 1 when both masks are empty.
---@return number
function M.dice(pred, truth)
  return ratio(counts_of(pred, truth), 2)
end

---Intersection over union (Jaccard index); 1 when both masks are empty.
---@return number
function M.iou(pred, truth)
  return ratio(counts_of(pred, truth), 1)
end

local function checked_spacing(spacing)
  spacing = spacing or { 1, 1, 1 }
  if type(spacing) == "number" then spacing = { spacing, spacing, spacing } end
  if type(spacing) ~= "table" or #spacing ~= 3 then
    error("metrics: spacing should be a number or {x, y, z} in mm", 3)
  end
  return spacing
end

---Surface distances in mm: hd95_pooled, hd95_max, asd, assd, hd; NaN when a mask is empty.
---@param spacing? number|number[] mm, {x, y, z}
---@return table<string, number>
function M.distances(pred, truth, spacing)
  local s = checked_spacing(spacing)
  local ss = require "semisam"
  local d = ss.scoped(function()
    local mm = ss.tensor({ s[3], s[2], s[1] }, { device = pred.device })
    return pred:surface_distances(truth, mm):flat()
  end)
  return { hd95_pooled = d[1], hd95_max = d[2], asd = d[3], assd = d[5], hd = d[6] }
end

---95th percentile of the surface distances in mm: "pooled" (medpy) or "max" (MONAI).
---@param form "pooled"|"max"
function M.hd95(pred, truth, form, spacing)
  if form ~= "pooled" and form ~= "max" then
    error(("metrics: hd95 has the forms 'pooled' and 'max', got '%s'"):format(tostring(form)), 2)
  end
  return M.distances(pred, truth, spacing)["hd95_" .. form]
end

local function check_options(options)
  for k in pairs(options) do
    if k ~= "spacing" and k ~= "compat" then
      error(("metrics: unknown option '%s', expected spacing or compat"):format(tostring(k)), 3)
    end
  end
  if options.compat ~= nil and options.compat ~= "medpy" then
    error(("metrics: compat should be 'medpy', got '%s'"):format(tostring(options.compat)), 3)
  end
end

---Everything about one case. Beside the metrics: the counts tp, fp, fn, tn, `empty` ("none",
---"pred", "truth" or "both") and the image's `diagonal` in mm.
---@param options? {spacing?: number|number[], compat?: "medpy"}
---@return table
function M.case(pred, truth, options)
  options = options or {}
  check_options(options)
  local s = checked_spacing(options.spacing)
  if options.compat == "medpy" then s = { 1, 1, 1 } end
  local c = counts_of(pred, truth)
  local pred_empty, truth_empty = c.tp + c.fp == 0, c.tp + c.fn == 0
  local r = M.distances(pred, truth, s)
  local shape, ml = pred.shape, s[1] * s[2] * s[3] / 1000
  r.dice, r.iou = ratio(c, 2), ratio(c, 1)
  r.tp, r.fp, r.fn, r.tn = c.tp, c.fp, c.fn, c.tn
  r.volume, r.volume_truth = (c.tp + c.fp) * ml, (c.tp + c.fn) * ml
  r.volume_error = truth_empty and NAN or (c.fp - c.fn) / (c.tp + c.fn)
  r.empty = pred_empty and (truth_empty and "both" or "pred") or truth_empty and "truth" or "none"
  r.diagonal = math.sqrt((shape[3] * s[1]) ^ 2 + (shape[2] * s[2]) ^ 2 + (shape[1] * s[3]) ^ 2)
  if options.compat == "medpy" and r.empty ~= "none" then
    r.dice, r.iou = 0.0, 0.0
    for _, name in ipairs(DISTANCES) do r[name] = 0.0 end
  end
  return r
end

local function finite(x) return x == x and x ~= math.huge and x ~= -math.huge end

local function mean_std(list)
  if #list == 0 then return NAN, NAN end
  local sum, square = 0, 0
  for _, x in ipairs(list) do sum = sum + x end
  local mean = sum / #list
  for _, x in ipairs(list) do square = square + (x - mean) ^ 2 end
  return mean, #list > 1 and math.sqrt(square / (#list - 1)) or 0
end

local is_distance = {}
for _, name in ipairs(DISTANCES) do is_distance[name] = true end

---Means over cases: for each metric {mean, std, n, missing} of the finite values, for distances
---also `penalised`; and `cases`, `empty_pred`, `empty_truth`, `empty_both`.
---@param cases table[] results of M.case
---@return table
function M.summary(cases)
  local out = { cases = #cases, empty_pred = 0, empty_truth = 0, empty_both = 0 }
  for _, c in ipairs(cases) do
    if c.empty ~= "none" then out["empty_" .. c.empty] = out["empty_" .. c.empty] + 1 end
  end
  for _, name in ipairs(M.names) do
    local values, penalised = {}, {}
    for _, c in ipairs(cases) do
      local x = c[name]
      if finite(x) then values[#values + 1] = x end
      penalised[#penalised + 1] = finite(x) and x or c.empty == "both" and 0 or c.diagonal
    end
    local mean, std = mean_std(values)
    out[name] = { mean = mean, std = std, n = #values, missing = #cases - #values }
    if is_distance[name] then out[name].penalised = (mean_std(penalised)) end
  end
  return out
end

-- Two-sided p of Wilcoxon's signed rank statistic by its normal approximation with ties.
local function wilcoxon(differences)
  local list = {}
  for _, d in ipairs(differences) do
    if d ~= 0 then list[#list + 1] = d end
  end
  table.sort(list, function(a, b) return math.abs(a) < math.abs(b) end)
  local n, plus, ties, i = #list, 0, 0, 1
  if n == 0 then return 1.0 end
  while i <= n do
    local j = i
    while j < n and math.abs(list[j + 1]) == math.abs(list[i]) do j = j + 1 end
    for k = i, j do
      if list[k] > 0 then plus = plus + (i + j) / 2 end
    end
    ties = ties + (j - i + 1) ^ 3 - (j - i + 1)
    i = j + 1
  end
  local var = n * (n + 1) * (2 * n + 1) / 24 - ties / 48
  local z = math.max(0, math.abs(plus - n * (n + 1) / 4) - 0.5) / math.sqrt(var)
  -- Upper tail of the normal distribution by Abramowitz and Stegun 26.2.17 (error below 1e-7).
  local t = 1 / (1 + 0.2316419 * z)
  local poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978
    + t * 1.330274429))))
  return math.min(1, 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * poly)
end

---Paired comparison of two runs on the same cases: mean difference a - b, its 95 % bootstrap
---interval {lo, hi}, Wilcoxon's two-sided p, and how many pairs were finite.
---@param a number[] one value per case
---@param b number[] the same cases in the same order
---@param options? {seed?: integer, resamples?: integer}
---@return {mean: number, lo: number, hi: number, p: number, n: integer}
function M.compare(a, b, options)
  if #a ~= #b then
    error(("metrics: compare needs pairs, got %d and %d values"):format(#a, #b), 2)
  end
  local d, resamples = {}, options and options.resamples or 2000
  for i = 1, #a do
    if finite(a[i]) and finite(b[i]) then d[#d + 1] = a[i] - b[i] end
  end
  if #d == 0 then return { mean = NAN, lo = NAN, hi = NAN, p = NAN, n = 0 } end
  local rng = require "semisam.rng" { seed = options and options.seed or 0, purpose = "bootstrap" }
  local means = {}
  for k = 1, resamples do
    local sum = 0
    for _ = 1, #d do sum = sum + d[rng:integer(1, #d)] end
    means[k] = sum / #d
  end
  table.sort(means)
  local lo = means[math.max(1, math.floor(0.025 * resamples + 0.5))]
  local hi = means[math.max(1, math.floor(0.975 * resamples + 0.5))]
  return { mean = (mean_std(d)), lo = lo, hi = hi, p = wilcoxon(d), n = #d }
end

return M
