-- Definition tests of operations: semisam tests/ops.lua [device=cuda] [op ...]
--
-- tests/ops/<op>.lua holds the op's definition over Lua doubles and its cases; kernels/README.md
-- tells the format. Every op is held against its definition in several layouts and number formats,
-- with its gradient, twice, with one thread and with two, and with every allocation failing.
local ss = require "semisam"
local case = require "tests.lib.opcase"
local checks = require "tests.lib.opcheck"

local device = "cpu"
local passed, failed, skipped = 0, 0, 0

local function run(name, fn)
  local ok, err = xpcall(fn, function(e) return tostring(e) end)
  if ok then
    passed = passed + 1
  else
    failed = failed + 1
    print(("FAIL %s: %s"):format(name, err))
  end
end

local function no_leak(fn)
  return function()
    collectgarbage()
    local t0, b0 = ss.live()
    ss.scoped(fn)
    collectgarbage()
    local t1, b1 = ss.live()
    assert(t0 == t1 and b0 == b1,
      ("leak: %d tensors, %d bytes more than before"):format(t1 - t0, b1 - b0))
  end
end

-- An emulated device has one thread; with SEMISAM_TEST=reduced (the sanitizers are slow) it runs what
-- reaches every kernel in every element type.
local REDUCED = { values = true, bf16 = true, gradient = true }
local function wanted_on_device(check)
  if device == "cpu" then return true end
  return check ~= "threads" and (os.getenv "SEMISAM_TEST" ~= "reduced" or REDUCED[check])
end

local function test_op(op)
  local file = "tests.ops." .. op.name
  local found, spec = pcall(require, file)
  if not found then
    failed = failed + 1
    print(("FAIL %s: %s"):format(op.name, tostring(spec):match "^[^\n]*"))
    return
  end
  if device ~= "cpu" and not op.cuda then
    skipped = skipped + 1
    print(("skip %s: it has no CUDA code"):format(op.name))
    return
  end
  for i, c in ipairs(spec.cases or {}) do
    for _, check in ipairs(checks.per_case) do
      local label = ("%s case %d %s"):format(op.name, i, check.name)
      if check.applies(op, spec, c, i) and wanted_on_device(check.name) then
        run(label, no_leak(function()
          case.seed(i)
          check.run(op, spec, c)
        end))
      end
    end
  end
  for i, e in ipairs(spec.errors or {}) do
    run(("%s error %d"):format(op.name, i), no_leak(function() checks.error(op, e) end))
  end
  for i, fn in ipairs(spec.more or {}) do run(("%s more %d"):format(op.name, i), no_leak(fn)) end
end

local wanted = {}
for _, name in ipairs { ... } do
  local on = name:match "^device=(.*)$"
  if on then
    device = ss.default_device(on)
  else
    wanted[name] = true
  end
end
local any = next(wanted) ~= nil
local faults = ss._debug()
for _, op in ipairs(ss.ops()) do
  if not any or wanted[op.name] then
    wanted[op.name] = nil
    test_op(op)
    local now = ss._debug()
    if now ~= faults then
      failed = failed + 1
      print(("FAIL %s: wrote outside its buffers (%d guard bands)"):format(op.name, now - faults))
      faults = now
    end
  end
end
for name in pairs(wanted) do
  failed = failed + 1
  print(("FAIL %s: no such op"):format(name))
end
if skipped > 0 then print(("%d operations skipped on %s"):format(skipped, device)) end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0, true)
