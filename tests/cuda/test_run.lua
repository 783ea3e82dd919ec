-- Whole runs on the emulated device.
local module = require "tests.cuda.module"
local run = require "tests.lib.run"
local t = require "tests.lib.t"

t.test("training, prediction and pictures", function()
  local r = run.shell(("SEMISAM_CUDA_MODULE=%s SS_EMULATE_SEED=2 OMP_NUM_THREADS=1 \"$S\" %s"):format(
    run.quote(module.emulated), "tests/cuda/run.lua"), { limit = 900 })
  t.eq(r.status, 0, r.out .. r.err)
  t.match(r.out, "\n?%d+ passed, 0 failed\n$")
end)

t.done()
