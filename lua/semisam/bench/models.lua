-- bench/models.lua — the networks at full size: seconds, peak memory, and how much of the
-- machine's matrix-product rate is reached. Weights are made by a rule (formula.lua).
local ss = require "semisam"
local cases = require "semisam.bench.cases"
local memory = require "semisam.bench.memory"

local bench = {}

local function median(list)
  table.sort(list)
  local n = #list
  return n % 2 == 1 and list[n // 2 + 1] or (list[n // 2] + list[n // 2 + 1]) / 2
end

-- Operations per second of the best of a few products of the size that the encoders have.
local function bare_product(m, dtype)
  return ss._ops._bare("matmul", { m, 768, 3072, 0, 0, 0 }, dtype):item()
end

local function product_on(device, m, dtype)
  local x, y = ss.full({ m, 768 }, 0.5):to(dtype), ss.full({ 768, 3072 }, 0.5):to(dtype)
  ss.wait(device)
  local begun = ss.clock()
  ss.matmul(x, y)
  ss.wait(device)
  return ss.clock() - begun
end

local peaks = {}
local function matmul_peak(dtype, device, quick)
  if not peaks[dtype] then
    local best, m = 0, quick and 8 or 8192
    for _ = 1, 5 do
      local seconds = device == "cpu" and bare_product(m, dtype)
        or ss.scoped(product_on, device, m, dtype)
      best = math.max(best, 2 * m * 768 * 3072 / seconds)
    end
    peaks[dtype] = best
  end
  return peaks[dtype]
end

-- Operations per second of the processor's tile unit by itself, and with loads of its operands,
-- which slow down as beside another program on the same core; nil where there is no such unit.
local function tile_rates()
  local steps, operations, rates = 100000, 65536, {}
  for loads = 0, 1 do
    local ok, seconds = pcall(ss._ops._bare, "tiles", { steps, loads }, "bf16", 5)
    if not ok then return nil end
    rates[loads + 1] = steps * operations * ss.threads() / median(seconds:flat())
    seconds:release()
  end
  return { alone = rates[1], loaded = rates[2] }
end

---One case in one element type.
---@param case table of bench/cases.lua
---@param dtype string
---@param turns integer
---@param quick? boolean toy sizes
---@param device? string default "cpu"
---@return table row
function bench.measure(case, dtype, turns, quick, device)
  device = device or "cpu"
  local row = { case = case.name, dtype = dtype, device = device, threads = ss.threads(), all = {} }
  for _ = 1, 2 do collectgarbage() end -- what the case before has left, and what that held
  row.base_rss_bytes = memory.resident()
  ss.scoped(function()
    local step = case.make(dtype, quick)
    local function turn() step() end -- no result outlives its turn
    local function once()
      local begun = ss.clock()
      ss.scoped(turn)
      local asked = ss.clock() - begun
      ss.wait(device)
      return ss.clock() - begun, asked
    end
    memory.reset_peak()
    ss.reset_peak(device)
    local work = ss.flops()
    row.first = once()
    row.flops = ss.flops() - work
    for i = 1, turns do row.all[i], row.asked = once() end
    row.peak_bytes = ss.memory(device).peak
    row.peak_rss_bytes = memory.peak()
  end)
  if device == "cpu" and dtype == "bf16" then row.tiles = tile_rates() end
  collectgarbage()
  ss.trim(device)
  row.seconds = median(table.move(row.all, 1, #row.all, 1, {}))
  row.of_peak = row.flops / row.seconds / matmul_peak(dtype, device, quick)
  return row
end

local function chosen(o)
  local list = {}
  for _, case in ipairs(cases) do
    if (o.case == "" or o.case == case.name) and case.name:find(o.filter, 1, true) then
      list[#list + 1] = case
    end
  end
  return list
end

local function show(row, o)
  if o.json then
    print(ss.json.encode(row))
  else
    print(("%-20s %-5s %7.3f s %9.1f %8.2f %6d MB %6d MB"):format(row.case, row.dtype, row.seconds,
      row.flops / 1e9, row.of_peak, row.peak_bytes // 1000000,
      (row.peak_rss_bytes - row.base_rss_bytes) // 1000000))
    local tiles = row.tiles
    if tiles and tiles.loaded < tiles.alone / 2 then
      print(("  (the tile unit waited for its operands: %.1f of %.1f TFLOP/s, as beside other "
        .. "programs on the same cores)"):format(tiles.loaded / 1e12, tiles.alone / 1e12))
    end
  end
  io.stdout:flush()
end

-- Where a case spends its time, warmed up.
local function profile(case, dtype, quick)
  ss.scoped(function()
    local step = case.make(dtype, quick)
    ss.scoped(step)
    ss.profile(ss.scoped, step)
  end)
end

-- The element types of a run: the one asked for, or those that a device is fast in.
local function types(o)
  if o.dtype ~= "all" then return { o.dtype } end
  local index = (o.device or "cpu"):match "^cuda:?(%d*)$"
  if not index then return { "f32", "bf16" } end
  local halves = ss.cuda(tonumber(index) or 0).capability >= 80
  return halves and { "f32", "f16", "bf16" } or { "f32", "f16" }
end

---Measures and prints; returns how many lines there were.
---@param o { quick: boolean, filter: string, case: string, dtype: string, turns: integer,
--- json: boolean, profile: boolean, device: string }
---@return integer
function bench.run(o)
  local turns, count = o.turns > 0 and o.turns or o.quick and 1 or 3, 0
  if #chosen(o) == 0 then return 0 end
  if not o.json then
    print(("threads %d, kernels %s, median of %d turns"):format(ss.threads(), ss.isa(), turns))
    print(("%-20s %-5s %9s %9s %8s %9s %9s"):format("network", "type", "seconds", "GFLOP",
      "of peak", "tensors", "process"))
  end
  for _, case in ipairs(chosen(o)) do
    for _, dtype in ipairs(types(o)) do
      count = count + 1
      show(ss.on(o.device, bench.measure, case, dtype, turns, o.quick, o.device), o)
      if o.profile then ss.on(o.device, profile, case, dtype, o.quick) end
    end
  end
  return count
end

---Names of all cases.
function bench.names()
  local list = {}
  for _, case in ipairs(cases) do list[#list + 1] = case.name end
  return list
end

return bench
