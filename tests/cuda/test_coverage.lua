-- Every operation has a CUDA twin, and every launch in the twins was made by the op tests that
-- `tests/run cuda` has just run on the emulator.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local launches = require "tests.cuda.launches"
local module = require "tests.cuda.module"

-- Operations without a twin, and why. None has to be here for a network to train.
local enlarges = "nn.conv3d enlarges the volume on a GPU"
local WITHOUT = {
  _bare = "it times oneDNN itself, for bench",
  _twice_conv3d = enlarges, _twice_conv3d_dx = enlarges, _twice_conv3d_dw = enlarges,
}

local function files()
  local list = {}
  for path in run.shell("ls kernels/*.cu kernels/cuda/*.cu kernels/cuda/*.h").out:gmatch "[^\n]+" do
    if path ~= "kernels/cuda/cuda.h" then list[#list + 1] = path end
  end
  return list
end

t.test("every operation has a twin", function()
  local r = run.shell("SEMISAM_CUDA_MODULE=" .. run.quote(module.emulated) ..
    [[ "$S" -e 'for _, op in ipairs(require("semisam").ops()) do print(op.name, op.cuda) end']])
  t.eq({ r.status, r.err }, { 0, "" })
  local without, n = {}, 0
  for name, cuda in r.out:gmatch "(%S+)\t(%a+)" do
    n = n + 1
    if cuda == "false" and not WITHOUT[name] then without[#without + 1] = name end
    if cuda == "true" then t.eq(WITHOUT[name], nil, name .. " has a twin by now") end
  end
  for name, why in pairs(WITHOUT) do print(("  %s has no CUDA code: %s"):format(name, why)) end
  t.ok(n > 100, "operations: " .. n)
  t.eq(without, {}, "operations without CUDA code")
end)

t.test("an operation without a twin names itself", function()
  local r = run.shell("SEMISAM_CUDA_MODULE=" .. run.quote(module.folder .. "/tests/few_twins.so") ..
    [[ "$S" -e 'local ss = require "semisam"; ss.sum(ss.full({3}, 1):to("cuda"))']])
  t.eq(r.status, 1)
  t.match(r.err, "sum: has no CUDA code in this build; move its inputs to the cpu %(x f32%[3%]%)")
end)

t.test("every launch was made", function()
  local logs = {}
  for path in run.shell("ls build/tests/cuda-launches/* 2>/dev/null").out:gmatch "[^\n]+" do
    logs[#logs + 1] = path
  end
  if #logs == 0 then t.skip "no logs of launches; `tests/run cuda` makes them" end
  local sites = launches.sites(files())
  t.ok(#sites > 10, "launches: " .. #sites)
  local missing = launches.missing(sites, (launches.logged(logs)))
  t.eq(missing, {}, ("of %d launches"):format(#sites))
end)

t.test("a launch that no test makes is found", function()
  local dir = t.tmpdir()
  local twin = run.write(dir .. "/x.cu", [[
/* SS_LAUNCH(g, not_this, 1, 1, 0) */
#define NEITHER(g) \
    SS_LAUNCH(g, this, 1, 1, 0)
void a(void) { SS_LAUNCH(g, (one<F, N>), ss_grid(g, n), SS_BLOCK,
                         0, e); }
void b(void) { SS_LAUNCH(g, two, 1, 1, 0, p->x); SS_LAUNCH(g, two, 2, 1, 0); }
SS_LAUNCH(g, three<true>, 1, 1, 0);
]])
  local log = run.write(dir .. "/log", "x.cu:5 32 (one<F, N>)\nx.cu:6 32 two\nx.cu:6 64 two\n")
  local sites = launches.sites { twin }
  t.eq(#sites, 4)
  local missing = launches.missing(sites, (launches.logged { log }))
  t.eq(#missing, 2)
  t.match(missing[1], "x.cu:6: two was launched from 1 of 2 places")
  t.match(missing[2], "x.cu:7: three<true> was launched from 0 of 1 places")
end)

t.done()
