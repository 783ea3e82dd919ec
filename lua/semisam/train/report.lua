-- report.lua — what shows how a run goes: report.html, progress.png (as nnU-Net users know it),
-- validation.png, and an event file for TensorBoard. All but the last are replaced as a whole.
local ss = require "semisam"
local axis = require "semisam.draw.axis"
local base64 = require "semisam.base64"
local config_show = require "semisam.config_show"
local csv = require "semisam.csv"
local draw = require "semisam.draw"
local events = require "semisam.train.events"
local history = require "semisam.train.history"
local infer = require "semisam.infer"
local page = require "semisam.train.page"
local pseudo = require "semisam.pseudo"
local svg = require "semisam.draw.svg"
local system = require "semisam.system"
local validate = require "semisam.train.validate"
local watch = require "semisam.train.watch"

local report = {}

local CASES = 4 -- rows of validation.png
local REFRESH = 30 -- seconds after which an open page of a running run loads anew

local Report = {}
Report.__index = Report

-- The pictures in a page that is there already, so that a resumed run keeps them.
local function old_pictures(path)
  local out = {}
  local text = ss.fs.exists(path) and ss.fs.read(path) or ""
  for img in text:gmatch("<img [^>]*>") do out[#out + 1] = { img = img } end
  return out
end

--- The report of a run in its folder, with the rows that are there already.
---@param run table
function report.new(run)
  local dir = run.place.dir
  local self = setmetatable({ run = run, dir = dir, written = system.clock(),
    pictures = old_pictures(dir .. "/report.html"), seconds = run.cfg.watch.seconds }, Report)
  self.history = history.read(self.dir)
  self.validation = csv.rows(self.dir .. "/validation.csv") or {}
  if run.cfg.watch.tensorboard then
    ss.fs.mkdir(self.dir .. "/tensorboard")
    self.events = events.new(self.dir .. "/tensorboard", run.numbers.step)
  end
  return self
end

-- A picture that cannot be written is told once and does not end a training.
local function careful(self, f, ...)
  local ok, why = pcall(f, self, ...)
  if not ok and system.signal() then error(why, 0) end
  if not ok and not self.told then
    self.told = true
    self.run.log:say("the report could not be written: " .. tostring(why))
  end
end

--- A row of log.csv. The page is written anew when `watch.seconds` have passed.
function Report:step(row)
  self.history:add(row)
  if self.events then careful(self, function() self.events:step(row) end) end
  if system.clock() - self.written >= self.seconds then careful(self, self.write, "running") end
end

--- A row of validation.csv, then new pictures of the watched cases.
function Report:validated(row)
  self.validation[#self.validation + 1] = row
  careful(self, function()
    local run = self.run
    self.pictures = watch.cases(run, run.cfg.watch.cases)
    if self.events then
      self.events:validated(row)
      local tags = { image = "Image", truth = "Groundtruth_label", prediction = "Predicted_label" }
      for _, v in ipairs(self.pictures[1] and self.pictures[1].views or {}) do
        self.events:image(row.step, "train/" .. tags[v.name], v.png, v.w, v.h)
      end
    end
    report.progress(self)
    report.cases(run)
    self:write("running")
  end)
end

--- The last page. `state`: "finished" or a sentence about the stop.
function Report:close(state)
  careful(self, self.write, state)
  if self.events then self.events:close() end
end

-- ---- series ------------------------------------------------------------------

local function of_steps(self, column, name)
  local x, y = self.history:column(column)
  return x and { name = name or column, x = x, y = y }
end

local function of_validation(self, column, name)
  local s = { name = name or column, x = {}, y = {}, dots = true }
  for i, row in ipairs(self.validation) do
    s.x[i], s.y[i] = row.step, row[column] or 0 / 0
  end
  return s
end

local function compact(...)
  local out = {}
  for i = 1, select("#", ...) do
    local s = select(i, ...)
    if s and #s.y > 0 then out[#out + 1] = s end
  end
  return out
end

-- The same against epochs, numbered over the whole run: the mean of each epoch for what has a value
-- every step. `factor` scales the values.
local function per_epoch(self, s, options, factor)
  if not s then return nil end
  local out, n = { x = {}, y = {}, name = s.name, dots = s.dots }, 0
  local sum, count, now = 0, 0, nil
  local function put()
    if count > 0 then
      n = n + 1
      out.x[n], out.y[n] = now, sum / count * (factor or 1)
    end
    sum, count = 0, 0
  end
  for i, at in ipairs(s.x) do
    local epoch = s.dots and at / self.epoch or math.ceil(at / self.epoch)
    if epoch ~= now then put() end
    now = epoch
    if s.y[i] == s.y[i] then sum, count = sum + s.y[i], count + 1 end
  end
  put()
  for key, value in pairs(options or {}) do out[key] = value end
  return out
end

--- Writes DIR/progress.png: losses and Dice, seconds per epoch, learning rate, against epochs.
function report.progress(self)
  if self.history.rows < 2 then return end
  self.epoch = self.history.steps_per_epoch or self.run.plan.steps_per_epoch
  local function at(...) return per_epoch(self, ...) end
  local panels = {
    { left = "loss", right = "Dice", x = "epoch", right_range = { 0, 1 }, series = compact(
      at(of_steps(self, "sup", "loss on labels"), { color = "#1f77b4" }),
      at(of_validation(self, "loss", "validation loss"), { color = "#d62728" }),
      at(of_validation(self, "dice", "Dice, average"), { color = "#2ca02c", axis = "right" }),
      at(of_validation(self, "dice_student", "Dice, student"),
        { color = "#2ca02c", axis = "right", dash = { 2, 4 }, dots = false }),
      at(of_steps(self, "pseudo_coarse", "pseudo-label and coarse mask"),
        { color = "#9467bd", axis = "right", width = 1 })) },
    { left = "seconds", x = "epoch", series = compact(at(of_steps(self, "seconds",
      "seconds per epoch, validation left out"), { color = "#1f77b4" }, self.epoch)) },
    { left = "learning rate", x = "epoch",
      series = compact(at(of_steps(self, "lr", "learning rate"), { color = "#1f77b4" })) },
  }
  draw.curves { panels = panels, out = self.dir .. "/progress.png", title = self.run.cfg.name }
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
      local p = infer.probabilities(run.shadow.net, image, infer.options(run.cfg))
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

-- ---- the page ------------------------------------------------------------------

local function charts(self)
  local marks, out = {}, {}
  for i, p in ipairs(self.history.phases) do marks[i] = { p.step - 1, p.name } end
  local function s(...) return of_steps(self, ...) end
  local function v(...) return of_validation(self, ...) end
  local function chart(title, series, options)
    local c = { title = title, series = series, marks = marks, x = { 0, self.run.numbers.step } }
    for key, value in pairs(options or {}) do c[key] = value end
    out[#out + 1] = svg.chart(c)
  end
  chart("Loss", compact(s("loss", "sum"), s("sup"), s("con"), s("rs")))
  chart("Loss on labels", compact(s("sup_ce", "cross-entropy"), s("sup_dice", "Dice loss"),
    v("loss", "validation")))
  chart("Dice", compact(v("dice", "average (shipped)"), v("dice_student", "student"),
    v("pseudo", "pseudo-label, held out"), v("coarse", "coarse mask, held out"),
    s("pseudo_coarse", "pseudo-label and coarse mask")), { range = { 0, 1 } })
  chart("Weights", compact(s("lambda", "λ consistency"), s("beta", "β pseudo-label")))
  chart("Trusted voxels", compact(s("conf", "everywhere"), s("conf_roi", "in the object")),
    { range = { 0, 1 } })
  chart("Variance threshold", compact(s("u_th", "u_th")), { range = { 0, pseudo.MAX_VARIANCE } })
  chart("Learning rate", compact(s("lr", "learning rate")))
  local norm = s("grad_norm", "norm")
  local lo, hi = axis.range({ norm }, "y", true)
  chart("Gradient", compact(norm), { log = hi > 100 * lo })
  chart("Loss scale", compact(s("scale", "scale"), s("skipped", "steps skipped")))
  chart("Seconds per step", compact(s("seconds", "step"), s("student_seconds", "student"),
    s("teacher_seconds", "pseudo-labels"), s("backward_seconds", "backward"),
    s("wait_seconds", "waiting for data")))
  chart("Memory", compact(s("megabytes", "MB, peak")))
  return out
end

local function slices(self)
  local out = {}
  for i, p in ipairs(self.pictures) do
    out[i] = p.img or ('<img alt="%s" src="data:image/png;base64,%s">'):format(svg.escape(p.name),
      base64(p.png))
  end
  return out
end

local function results(self)
  local rows = {}
  for i = math.max(1, #self.validation - 9), #self.validation do
    local r = self.validation[i]
    rows[#rows + 1] = { tostring(r.step), r.phase, r.dice + 0.0, r.dice_student + 0.0,
      r.loss and r.loss + 0.0 or "", r.best == 1 and "best so far" or "" }
  end
  local out = {}
  if #rows > 0 then
    out[1] = page.table({ "step", "phase", "Dice, average", "Dice, student", "loss", "" }, rows)
  end
  return out
end

local function test_table(self)
  local summary = self.run.result
  if not summary then return {} end
  local rows = {}
  for i, case in ipairs(summary.cases) do
    for k, m in ipairs(case.classes) do
      rows[#rows + 1] = { case.case, tostring(k), m.dice + 0.0, m.iou + 0.0, m.hd95_pooled + 0.0,
        m.asd + 0.0 }
    end
    if i == 200 then break end
  end
  table.insert(rows, 1, { "mean of " .. #summary.cases, "", summary.mean.Dice, summary.mean.IoU,
    summary.mean.HD95_pooled_mm, summary.mean.ASD_mm })
  return { page.table({ "case", "class", "Dice", "IoU", "HD95 mm", "ASD mm" }, rows) }
end

local function head(self, state)
  local run = self.run
  local n, total = run.numbers, run.plan.steps
  local last = self.history.last
  local phase = run.plan[n.phase]
  local facts = {
    { "step", ("%d of %d"):format(n.step, total) }, { "phase", phase and phase.name or "done" },
    { "best Dice", n.best_dice >= 0 and ("%.4f at step %d"):format(n.best_dice, n.best_step)
      or "none yet" },
    { "loss", last and ("%.4f"):format(last.loss) or "none yet" },
  }
  if run.result then facts[#facts + 1] = { "test Dice", ("%.4f"):format(run.result.mean.Dice) } end
  if state == "running" then facts[#facts + 1] = { "left", run.log:left(n.step) } end
  local known = state == "running" or state == "finished"
  return ("<h1>%s</h1>\n<p class=\"%s\">%s, %s</p>\n%s\n"
    .. '<div class="bar"><i style="width:%.1f%%"></i></div>'):format(svg.escape(run.cfg.name),
    known and "faint" or "stopped", svg.escape(state), os.date("%Y-%m-%d %H:%M:%S"),
    page.facts(facts), 100 * n.step / total)
end

--- Writes DIR/report.html.
function Report:write(state)
  local recipe = ("<details><summary>The recipe, every setting resolved</summary><pre>%s</pre>"
    .. "</details>"):format(svg.escape(config_show.show(self.run.cfg)))
  local body = table.concat({
    head(self, state), page.section("Test cases", "", test_table(self)),
    page.section("Curves", "charts", charts(self)),
    page.section("Watched validation cases", "slices", slices(self)),
    page.section("Validation", "", results(self)), page.section("Recipe", "", { recipe }),
  }, "\n")
  ss.fs.write(self.dir .. "/report.html", page.html(self.run.cfg.name .. " " .. self.dir, body,
    state == "running" and REFRESH or nil))
  self.written = system.clock()
end

return report
