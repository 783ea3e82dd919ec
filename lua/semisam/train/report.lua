-- report.lua — the pictures of a run: progress.png from its CSV files, validation.png with the
-- contours of truth and prediction.
local ss = require "semisam"
local draw = require "semisam.draw"
local infer = require "semisam.infer"
local validate = require "semisam.train.validate"

local report = {}

local CASES = 4 -- rows of validation.png

-- Columns of a CSV file: name to list of numbers (NaN where the field is empty).
local function columns(path)
  local f = io.open(path, "r")
  if not f then return {} end
  local names, out = {}, {}
  for name in (f:read("l") or ""):gmatch("[^,]+") do
    names[#names + 1] = name
    out[name] = {}
  end
  for line in f:lines() do
    local i = 0
    for value in (line .. ","):gmatch("([^,]*),") do
      i = i + 1
      if names[i] then table.insert(out[names[i]], tonumber(value) or 0 / 0) end
    end
  end
  f:close()
  return out
end

-- A series of a column, nil where it has no number.
local function series(t, column, options)
  local y = t[column]
  local any = false
  for _, v in ipairs(y or {}) do any = any or v == v end
  if not any then return nil end
  local out = { name = options and options.name or column, x = t.step, y = y }
  for key, value in pairs(options or {}) do out[key] = value end
  return out
end

local function list(...)
  local out = {}
  for i = 1, select("#", ...) do
    out[#out + 1] = (select(i, ...))
  end
  return out
end

--- Writes DIR/progress.png: losses, validation Dice, weights and trust, learning rate.
---@param dir string run folder
function report.progress(dir)
  local steps, val = columns(dir .. "/log.csv"), columns(dir .. "/validation.csv")
  if not steps.step or #steps.step < 2 then return end
  local panels = {
    { title = "loss", left = "loss", x = "step", series = list(series(steps, "loss"),
      series(steps, "sup"), series(steps, "con"), series(steps, "rs")) },
    { title = "validation", left = "Dice", x = "step", range = { 0, 1 },
      series = list(series(val, "dice", { name = "shipped (EMA)", dots = true }),
        series(val, "dice_student", { name = "student", dots = true }),
        series(steps, "pseudo_coarse", { name = "pseudo-label against coarse mask" })) },
    { title = "weights", left = "weight", x = "step", right = "learning rate",
      series = list(series(steps, "lambda"), series(steps, "beta"), series(steps, "conf_roi"),
        series(steps, "lr", { axis = "right" })) },
  }
  local full = {}
  for _, p in ipairs(panels) do
    if #p.series > 0 then full[#full + 1] = p end
  end
  draw.curves { panels = full, out = dir .. "/progress.png", title = dir }
end

--- Writes DIR/validation.png: the first validation cases with truth and the shipped network's
--- answer.
---@param run table
function report.cases(run)
  local rows = {}
  ss.no_grad(ss.scoped, function()
    for i = 1, math.min(CASES, #run.set.val) do
      local case = run.set.val[i]
      local image, truth = run.store:image(case), run.store:label(case)
      local p = infer.probabilities(run.shadow.net, image, { window = run.cfg.data.patch })
      local answer = infer.labels(p)
      local s = image.shape
      local shape = { s[2], s[3], s[4] }
      rows[i] = {
        name = case.id, image = image:slice(-1, 1, 1):reshape(shape), truth = truth:reshape(shape),
        prediction = answer:reshape(shape),
        dice = validate.dice(answer:to("f32"), truth, p.shape[5]),
      }
    end
    if #rows == 0 then return end
    draw.cases(rows, { out = run.place.dir .. "/validation.png",
      title = ("%s, step %d"):format(run.cfg.name, run.numbers.step) })
  end)
end

return report
