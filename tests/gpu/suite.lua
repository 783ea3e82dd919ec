-- Everything that wants a GPU, one step after the other; run.sh starts it. Each step is a process with
-- a log of its own in the folder of results; results.json has what they said. A step that fails does
-- not stop the others.
local ss = require "semisam"

local STEPS = { "doctor", "ops", "same", "golden", "recipes", "runs", "plan", "bench", "torch", "sanitizer" }
-- What the sanitizer runs: kernels with shared memory, collectives, scratch and libraries.
local CHECKED = "add layer_norm _layer_norm_dx softmax instance_norm attention matmul conv3d resize sum " ..
  "connected_components normal cross_entropy max_pool3d"

local o = { out = "results", device = "cuda:0", python = "", ops = "", steps = "" }
for _, word in ipairs(arg) do
  local key, value = word:match "^(%a+)=(.*)$"
  if not key or not o[key] then
    io.stderr:write(("run.sh: unknown word '%s', expected steps=, ops= or device=\n")
      :format(word))
    os.exit(2)
  end
  o[key] = value
end

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end
local program = quote(os.getenv "SEMISAM")
local results = { device = o.device, version = ss.version, steps = {} }

local function save()
  local f = assert(io.open(o.out .. "/results.json", "w"))
  f:write(ss.json.encode(results, { indent = 2 }), "\n")
  f:close()
end

-- ---- steps -----------------------------------------------------------------------------------

local function log_of(name)
  local f = io.open(o.out .. "/" .. name .. ".log", "r")
  local text = f and f:read "a" or ""
  if f then f:close() end
  return text
end

-- Runs a command line; its last "N passed, N failed" and lines of JSON go into the results.
local function step(name, command)
  local log = quote(o.out .. "/" .. name .. ".log")
  local begun = ss.clock()
  local _, _, status = os.execute(("%s >%s 2>&1 </dev/null"):format(command, log))
  local text = log_of(name)
  local row = { name = name, status = status, seconds = ss.clock() - begun }
  for passed, failed in text:gmatch "(%d+) passed, (%d+) failed" do
    row.passed, row.failed = tonumber(passed), tonumber(failed)
  end
  for line in text:gmatch "[^\n]+" do
    local ok, value = pcall(ss.json.decode, line:sub(1, 1) == "{" and line or "")
    if ok and value then
      row.lines = row.lines or {}
      table.insert(row.lines, value)
    end
  end
  table.insert(results.steps, row)
  save()
  print(("%-24s %s  (%.0f s)%s"):format(name, status == 0 and "ok" or "FAILED, status " .. status,
    row.seconds, row.passed and ("  %d passed, %d failed"):format(row.passed, row.failed) or ""))
  return row
end

local function skip(name, why)
  table.insert(results.steps, { name = name, skipped = why })
  save()
  print(("%-24s skip: %s"):format(name, why))
end

local run = {}

function run.doctor() step("doctor", program .. " doctor") end

function run.ops()
  step("ops", ("%s tests/ops.lua device=%s %s"):format(program, o.device, (o.ops:gsub(",", " "))))
end

function run.same() step("same", program .. " tests/cuda/same.lua") end

function run.golden()
  for _, dtype in ipairs { "f32", "f16", "bf16" } do
    local info = ss.cuda(tonumber(o.device:match "%d+" or 0))
    if dtype == "bf16" and info.capability < 80 then
      skip("golden-bf16", ("sm_%d has no bf16"):format(info.capability))
    else
      step("golden-" .. dtype, ("%s tests/golden.lua device=%s%s"):format(program, o.device,
        dtype == "f32" and "" or " dtype=" .. dtype))
    end
  end
end

function run.recipes() step("recipes", program .. " tests/cuda/train.lua") end

function run.runs() step("runs", program .. " tests/cuda/run.lua") end

function run.plan() step("plan", program .. " tests/lua/test_plan.lua") end

function run.bench()
  step("bench", ("%s bench models device=%s json=true"):format(program, o.device))
end

function run.torch()
  local python = quote(o.python)
  if o.python == "" or not os.execute(python ..
      " -c 'import torch; assert torch.cuda.is_available()' >/dev/null 2>&1") then
    return skip("torch", "no Python with a PyTorch that sees the GPU")
  end
  step("torch", python .. " tests/peers/bench.py --device cuda")
end

function run.sanitizer()
  if not os.execute "command -v compute-sanitizer >/dev/null" then
    return skip("sanitizer", "compute-sanitizer was not found")
  end
  for _, tool in ipairs { "memcheck", "racecheck", "synccheck" } do
    step("sanitizer-" .. tool,
      ("compute-sanitizer --tool %s --error-exitcode 9 %s tests/ops.lua device=%s %s")
      :format(tool, program, o.device, CHECKED))
  end
end

-- ---- all of them --------------------------------------------------------------------------------

local cuda = ss.cuda()
local ok, device = pcall(ss.cuda, tonumber(o.device:match "^cuda:?(%d*)$" or "99") or 0)
if cuda.devices == 0 or not ok then
  results.why = cuda.why or tostring(device)
  save()
  print("there is no GPU that can be used here: " .. results.why)
  os.exit(1)
end
results.gpu, results.build = device, cuda.build
print(("%s, sm_%d, %.1f GiB; %s"):format(device.name, device.capability, device.bytes / (1 << 30),
  cuda.build))

local wanted = o.steps == "" and table.concat(STEPS, ",") or o.steps
for name in wanted:gmatch "[^,]+" do
  if not run[name] then
    io.stderr:write(("run.sh: no step '%s', expected %s\n"):format(name, table.concat(STEPS, ", ")))
    os.exit(2)
  end
end
for name in wanted:gmatch "[^,]+" do run[name]() end

local failed = 0
for _, row in ipairs(results.steps) do
  if row.status and row.status ~= 0 then failed = failed + 1 end
end
print(("%d steps, %d failed; %s/results.json"):format(#results.steps, failed, o.out))
os.exit(failed == 0)
