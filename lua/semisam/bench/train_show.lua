-- bench/train_show.lua — the table of a measured training step.
local stages = require "semisam.train.stages"

local show = {}

local function share(part, whole) return 100 * part / whole end

-- The slowest operations that are no products, as "name 1.2 %, ...".
local function slowest(row, count)
  local list, parts = {}, {}
  for name, seconds in pairs(row.rest) do list[#list + 1] = { name, seconds } end
  table.sort(list, function(a, b)
    if a[2] ~= b[2] then return a[2] > b[2] end
    return a[1] < b[1]
  end)
  for i = 1, math.min(count, #list) do
    parts[i] = ("%s %.1f %%"):format(list[i][1], share(list[i][2], row.profiled))
  end
  return table.concat(parts, ", ")
end

--- The lines of a row of bench/train.lua.
---@param row table
---@return string[]
function show.lines(row)
  local out = {
    ("%s: %s, frozen encoder %s, threads %d, mean of %d steps"):format(row.name, row.precision,
      row.frozen, row.threads, row.steps),
    ("%-10s %9s %7s %9s"):format("stage", "seconds", "share", "products"),
  }
  local function line(name, seconds, products)
    out[#out + 1] = ("%-10s %9.4f %5.1f %% %7.1f %%"):format(name, seconds,
      share(seconds, row.seconds), share(products, row.profiled))
  end
  for _, name in ipairs(stages.NAMES) do line(name, row.stages[name], row.products[name]) end
  line("step", row.seconds, row.product_seconds)
  local function say(...) out[#out + 1] = string.format(...) end
  say("waiting for the loader %.2f %% of the step", share(row.wait, row.seconds))
  say("no product: %.1f %% of the step (wanted: below 25 %%), of these between operations %.1f %%",
    share(row.profiled - row.product_seconds, row.profiled), share(row.between, row.profiled))
  say("  %s", slowest(row, 8))
  say("largest memory: tensors %d MB, process %d MB", row.peak_bytes // 1000000,
    (row.peak_rss_bytes - row.base_rss_bytes) // 1000000)
  local c = row.cache
  if c then
    say("labels kept: %.4f s a step, teacher %.1f %%; making one takes %.4f s", c.seconds,
      share(c.teacher, c.seconds), c.label)
    say("made anew every %g epochs, each used once an epoch: %.4f s a step", c.refresh, c.amortised)
  end
  if row.empty > 0 then
    say("%d of %d masks did not prompt: the teacher did less than usual", row.empty,
      row.steps * row.unlabelled)
  end
  return out
end

return show
