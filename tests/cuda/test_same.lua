-- Random numbers, augmentation, sampling and mask operations give the CPU's results bit for bit, whatever
-- the order of threads, blocks and streams.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local module = require "tests.cuda.module"

for seed, schedule in ipairs { "fwd", "grev", "grand:1" } do
  t.test("as on the CPU, schedule " .. schedule, function()
    local settings = ("SEMISAM_CUDA_MODULE=%s SS_EMULATE_SCHEDULE=%s SS_EMULATE_SEED=%d"):format(
      run.quote(module.emulated), schedule, seed)
    local r = run.shell(settings .. ' "$S" tests/cuda/same.lua')
    t.eq(r.err, "")
    t.ok(r.status == 0 and r.out:match "^%d%d+ passed, 0 failed\n$", r.out)
  end)
end

t.done()
