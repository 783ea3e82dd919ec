-- Each wait in the module's host code is needed: with all of them every order of the streams gives the
-- right results, and with any one left out some order gives wrong ones.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local module = require "tests.cuda.module"

local SEEDS = 6

local function orders(seed, more)
  return run.shell(("SEMISAM_CUDA_MODULE=%s SS_EMULATE_SEED=%d %s \"$S\" tests/cuda/orders.lua")
    :format(run.quote(module.emulated), seed, more or ""))
end

t.test("with every wait, all orders give the same", function()
  for seed = 1, SEEDS do
    local r = orders(seed)
    t.eq({ r.status, r.err, r.out }, { 0, "", "as expected\n" }, "seed " .. seed)
  end
end)

t.test("each wait that is left out shows", function()
  local list = t.tmpdir() .. "/waits"
  t.eq(orders(1, "SS_EMULATE_WAITS=" .. list).status, 0)
  local places = {}
  for line in io.lines(list) do places[#places + 1] = line:match "^%d+ (.*)$" end
  t.ok(#places >= 4, "waits found: " .. #places)
  local kinds = {}
  for n, what in ipairs(places) do
    local shown
    for seed = 1, SEEDS do
      local r = not shown and orders(seed, "SS_EMULATE_DROP_WAIT=" .. n)
      if r and r.status == 1 and r.out ~= "as expected\n" then
        shown = ("seed %d: %s"):format(seed, r.out:gsub("\n", ""))
      end
    end
    print(("  without wait %d (%s): %s"):format(n, what, shown or "nothing shows"))
    t.ok(shown, ("wait %d (%s) left out"):format(n, what))
    kinds[what] = true
  end
  for _, what in ipairs { "cudaStreamWaitEvent", "cudaEventSynchronize", "cudaStreamSynchronize" } do
    t.ok(kinds[what], what .. " is among the waits")
  end
end)

t.done()
