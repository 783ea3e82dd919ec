-- Whole steps on the emulated device: every recipe's, and the allocations that were planned for them.
local module = require "tests.cuda.module"
local run = require "tests.lib.run"
local t = require "tests.lib.t"

-- A test file on the emulated device; all of its tests have to run and to pass.
local function on_device(file, seed)
  local r = run.shell(("SEMISAM_CUDA_MODULE=%s SS_EMULATE_SEED=%d OMP_NUM_THREADS=1 \"$S\" %s"):format(
    run.quote(module.emulated), seed, file), { limit = 900 })
  t.eq(r.status, 0, r.out .. r.err)
  t.match(r.out, "\n?%d+ passed, 0 failed\n$")
end

t.test("a step of every recipe equals the cpu's", function() on_device("tests/cuda/train.lua", 3) end)

t.test("meta:cuda asks for what the device asks for", function()
  on_device("tests/lua/test_plan.lua", 1)
end)

t.done()
