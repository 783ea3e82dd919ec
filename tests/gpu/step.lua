-- `semisam tests/gpu/step.lua RECIPE DEVICE`: a few steps of a recipe, shrunk, on the processor and on
-- the device. The losses and the validated scores have to agree, and the device's peak of memory has
-- to be what `meta:cuda` counts.
local ss = require "semisam"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"

local name, device = arg[1], arg[2] or "cuda"
local TOLERANCE = 2e-2 -- after a dozen steps of different rounding

local function fit(dir, on)
  local recipe = tiny.recipe(name, dir, on:gsub(":", "_"), { "device=" .. on, "quiet=true" })
  local begun = ss.clock()
  train.fit(recipe)
  return ss.clock() - begun
end

-- The numbers of log.csv, column by name, without those of the clock.
local function log(path)
  local rows, names = {}, nil
  for line in io.lines(path) do
    local cells = {}
    for cell in (line .. ","):gmatch "([^,]*)," do cells[#cells + 1] = cell end
    if names then
      local row = {}
      for i = 1, #names - 4 do row[names[i]] = tonumber(cells[i]) end
      rows[#rows + 1] = row
    else
      names = cells
    end
  end
  return rows
end

local pipe = assert(io.popen "mktemp -d")
local dir = pipe:read "l"
pipe:close()
local seconds = { cpu = fit(dir, "cpu") }
ss.reset_peak(device)
seconds.device = fit(dir, device)
local peak = ss.memory(device).peak
local a, b = log(dir .. "/cpu/log.csv"), log(("%s/%s/log.csv"):format(dir, (device:gsub(":", "_"))))
os.execute(("rm -rf '%s'"):format(dir))

local worst, where = 0, "nowhere"
for i, row in ipairs(a) do
  for column, x in pairs(row) do
    local y = b[i] and b[i][column] or math.huge
    local d = math.abs(x - y) / math.max(1, math.abs(x))
    if d > worst or d ~= d then worst, where = d, ("%s of row %d: %g and %g"):format(column, i, x, y) end
  end
end
print(ss.json.encode { recipe = name, rows = #a, worst = worst, peak_bytes = peak, seconds = seconds })
if #a == 0 or #a ~= #b or worst > TOLERANCE or worst ~= worst then
  print(("%s: the processor and %s differ most at %s"):format(name, device, where))
  os.exit(1)
end
