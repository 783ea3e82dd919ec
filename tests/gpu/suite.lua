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

local function finish(row, begun)
  row.seconds = ss.clock() - begun
  table.insert(results.steps, row)
  save()
  print(("%-24s %s  (%.0f s)%s"):format(row.name,
    row.status == 0 and "ok" or "FAILED, status " .. row.status, row.seconds,
    row.passed and ("  %d passed, %d failed"):format(row.passed, row.failed) or ""))
end

-- Runs a command line; its last "N passed, N failed" and lines of JSON go into the results.
local function step(name, command)
  local row, begun, _ = { name = name }, ss.clock(), nil
  _, _, row.status = os.execute(("%s >%s 2>&1 </dev/null"):format(command,
    quote(o.out .. "/" .. name .. ".log")))
  local text = log_of(name)
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
  finish(row, begun)
end

-- Runs command, with @ for an operation, for each of a list: several at a time, each in a process of
-- its own, because after a fault on the device nothing that its process does there can be trusted.
local function each(name, list, command)
  local row, begun, texts = { name = name, passed = 0, failed = 0 }, ss.clock(), {}
  local folder = o.out .. "/" .. name
  os.execute(("mkdir -p %s && printf '%%s\n' %s | OMP_NUM_THREADS=2 xargs -P %d -I@ sh -c %s"):format(
    quote(folder), table.concat(list, " "), math.max(1, ss.threads() // 2),
    quote(("%s >%s/@.log 2>&1 </dev/null; echo status $? >>%s/@.log"):format(command, quote(folder),
      quote(folder)))))
  for _, op in ipairs(list) do
    local text = log_of(name .. "/" .. op)
    local passed, failed = text:match "(%d+) passed, (%d+) failed"
    row.passed = row.passed + (tonumber(passed) or 0)
    local status = tonumber(text:match "status (%d+)\n$" or 1)
    row.failed = row.failed + math.max(tonumber(failed) or 1, status ~= 0 and 1 or 0)
    texts[#texts + 1] = "== " .. op .. "\n" .. text
  end
  row.status = row.failed == 0 and 0 or 1
  ss.fs.write(o.out .. "/" .. name .. ".log", table.concat(texts))
  os.execute("rm -r " .. quote(folder))
  finish(row, begun)
end

local function skip(name, why)
  table.insert(results.steps, { name = name, skipped = why })
  save()
  print(("%-24s skip: %s"):format(name, why))
end

local run = {}

function run.doctor() step("doctor", program .. " doctor") end

function run.ops()
  local list = {}
  for name in o.ops:gmatch "[^,]+" do list[#list + 1] = name end
  for _, op in ipairs(o.ops == "" and ss.ops() or {}) do
    if op.cuda then list[#list + 1] = op.name end
  end
  each("ops", list, ("%s tests/ops.lua device=%s @"):format(program, o.device))
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
  local list = {}
  for name in CHECKED:gmatch "%S+" do list[#list + 1] = name end
  for _, tool in ipairs { "memcheck", "racecheck", "synccheck" } do
    each("sanitizer-" .. tool, list,
      ("SEMISAM_TEST=reduced compute-sanitizer --tool %s --error-exitcode 9 %s tests/ops.lua device=%s @")
      :format(tool, program, o.device))
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
