-- study/tables.lua — the scores of a study as Markdown.
local scores = require "semisam.study.scores"

local tables = {}

local function markdown(head, rows)
  local lines = { "| " .. table.concat(head, " | ") .. " |", ("|---"):rep(#head) .. "|" }
  for _, row in ipairs(rows) do lines[#lines + 1] = "| " .. table.concat(row, " | ") .. " |" end
  return table.concat(lines, "\n")
end

local function signed(list)
  local out = {}
  for i, v in ipairs(list) do out[i] = ("%+.3f"):format(v) end
  return table.concat(out, " ")
end

local function number(v) return v and ("%.3f"):format(v) or "" end

local function labels_text(labels) return labels and tostring(labels) or "as set" end

-- Label counts from few to many.
local function sorted(counts)
  local out = table.move(counts, 1, #counts, 1, {})
  table.sort(out, function(a, b) return (a or 0) < (b or 0) end)
  return out
end
tables.sorted = sorted

local function seed_cells(plan, cell)
  local row = {}
  for i, seed in ipairs(plan.seeds) do
    row[i] = number(cell.seeds[seed] and cell.seeds[seed].mean)
  end
  return row
end

local function append(row, ...)
  for _, v in ipairs { ... } do row[#row + 1] = v end
  return row
end

local function heads(first, plan, ...)
  local head = table.move(first, 1, #first, 1, {})
  for _, seed in ipairs(plan.seeds) do head[#head + 1] = "seed " .. seed end
  return append(head, ...)
end

-- Test Dice of every arm at every label count.
local function dice_table(plan, by)
  local rows = {}
  for _, labels in ipairs(sorted(plan.counts)) do
    for _, arm in ipairs(plan.arms) do
      local cell = scores.cell(plan, by, arm, labels)
      if cell then
        local row = { labels_text(labels), arm.name }
        for _, text in ipairs(seed_cells(plan, cell)) do row[#row + 1] = text end
        rows[#rows + 1] = cell.complete and append(row, ("%.3f"):format(cell.mean),
          ("%.3f to %.3f"):format(cell.lo, cell.hi)) or append(row, "", "")
      end
    end
  end
  return rows[1] and markdown(heads({ "labels", "arm" }, plan, "mean Dice", "95 % interval"), rows)
end

local function difference_row(first, c)
  return append(first, ("%+.3f"):format(c.mean), ("%+.3f to %+.3f"):format(c.lo, c.hi),
    ("%.2g"):format(c.p), tostring(c.n), signed(c.seeds))
end

local DIFFERENCE = { "difference", "95 % interval", "p", "pairs", "of each seed" }

--- The pairs of arms that are compared: the last with every other, and those with the first.
function tables.pairs_of(plan)
  local out, n = {}, #plan.arms
  for i = 1, n - 1 do out[#out + 1] = { plan.arms[n], plan.arms[i] } end
  for i = 2, n - 1 do out[#out + 1] = { plan.arms[i], plan.arms[1] } end
  return out
end

local function pair_table(plan, by)
  local rows = {}
  for _, labels in ipairs(sorted(plan.counts)) do
    for _, pair in ipairs(tables.pairs_of(plan)) do
      local c = scores.paired(plan, scores.cell(plan, by, pair[1], labels),
        scores.cell(plan, by, pair[2], labels))
      if c then
        rows[#rows + 1] = difference_row({ labels_text(labels),
          ("%s minus %s"):format(pair[1].name, pair[2].name) }, c)
      end
    end
  end
  return rows[1] and markdown(append({ "labels", "pair" }, table.unpack(DIFFERENCE)), rows)
end

-- What choosing the checkpoint by validation is worth to each arm.
local function validation_table(plan, by)
  local rows = {}
  for _, labels in ipairs(sorted(plan.counts)) do
    for _, arm in ipairs(plan.arms) do
      local v = scores.validation(scores.cell(plan, by, arm, labels))
      if v then
        rows[#rows + 1] = { labels_text(labels), arm.name, number(v.best), number(v.last) }
      end
    end
  end
  return rows[1] and markdown({ "labels", "arm", "best", "last" }, rows)
end

local function pseudo_table(plan, by)
  local rows = {}
  local function add(list, counts)
    for _, labels in ipairs(sorted(counts)) do
      for _, arm in ipairs(list) do
        local p = scores.pseudo(scores.cell(plan, by, arm, labels))
        if p then
          rows[#rows + 1] = { labels_text(labels), arm.name, number(p.coarse), number(p.pseudo),
            ("%+.3f"):format(p.pseudo - p.coarse), ("%+.3f"):format(p.least), tostring(p.n) }
        end
      end
    end
  end
  add(plan.arms, plan.counts)
  add(plan.ablations, plan.ablate_at)
  return rows[1] and markdown({ "labels", "arm", "coarse mask", "pseudo-label", "gain",
    "least gain", "validations" }, rows)
end

local function ablation_table(plan, by)
  local rows, reference = {}, plan.arms[#plan.arms]
  for _, labels in ipairs(sorted(plan.ablate_at)) do
    local against = scores.cell(plan, by, reference, labels)
    for _, arm in ipairs(plan.ablations) do
      local cell = scores.cell(plan, by, arm, labels)
      local c = scores.paired(plan, cell, against)
      if c then
        local changes = arm.set[1] and "`" .. table.concat(arm.set, " ") .. "`" or arm.recipe
        rows[#rows + 1] = difference_row({ labels_text(labels), arm.name, changes,
          ("%.3f"):format(cell.mean) }, c)
      end
    end
  end
  return rows[1] and markdown(append({ "labels", "arm", "changes", "mean Dice" },
    table.unpack(DIFFERENCE)), rows), reference
end

local function missing(plan, by)
  local out = {}
  for _, run in ipairs(plan.runs) do
    if not by[run.name] then out[#out + 1] = run.name end
  end
  return out
end

--- Everything as Markdown. Only finished runs are in it; what is missing and what failed is named.
---@param plan table of study/arms.lua
---@param by table of scores.all
---@param failed table[] of study/grid.lua
---@param last? table of scores.all(plan, "test_last")
---@return string
function tables.markdown(plan, by, failed, last)
  local parts = {}
  local function put(text, title)
    if text then parts[#parts + 1], parts[#parts + 2] = title, text end
  end
  put(dice_table(plan, by), "Test Dice; the interval is a bootstrap over all cases of all seeds. "
    .. "Without all seeds there is no mean.")
  put(pair_table(plan, by), "Differences paired by seed and case; p of Wilcoxon's signed-rank "
    .. "test, two-sided.")
  local ablations, reference = ablation_table(plan, by)
  put(ablations, ("Ablations, minus %s at the same labels."):format(reference.name))
  put(pseudo_table(plan, by), "Dice of what prompts the generalists and of the pseudo-labels made "
    .. "from it, on held-out cases, mean over the validations after the warm-up.")
  put(validation_table(plan, by), "Validation Dice at its best, whose weights are tested, and at "
    .. "the end of the run.")
  if last and next(last) then
    put(dice_table(plan, last), "Without choosing by validation: test Dice of the last step's "
      .. "weights of the same runs.")
    put(pair_table(plan, last), "Differences by the last step's weights.")
    put((ablation_table(plan, last)), "Ablations by the last step's weights.")
  end
  local rest = missing(plan, by)
  if rest[1] then
    parts[#parts + 1] = ("%d of %d runs are not there yet: %s."):format(#rest, #plan.runs,
      table.concat(rest, ", "))
  end
  for _, f in ipairs(failed) do
    parts[#parts + 1] = ("Failed: %s, status %d: %s"):format(f.run.name, f.status, f.message)
  end
  return table.concat(parts, "\n\n") .. "\n"
end

return tables
