-- The device from a user's side: what doctor and ops say, with and without a GPU and a module.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local module = require "tests.cuda.module"

local function with(path, line) return run.shell("SEMISAM_CUDA_MODULE=" .. run.quote(path) .. " " .. line) end

t.test("doctor and ops with a device", function()
  local r = with(module.emulated, "\"$S\" doctor")
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "\ncuda +%S*semisam_emulated.so %(emulated%), %d+ operations\n")
  t.match(r.out, "\ncuda:0 +emulated, sm_75, %d+ multiprocessors, 4.0 GiB, [%d.]+ free\n")
  t.match(r.out, "\ncuBLASLt +%d+%.%d+%.%d+\ncuDNN +9%.%d+%.%d+\nNCCL +")
  t.match(with(module.emulated, "SS_EMULATE_MISSING=cudnn \"$S\" doctor").out,
    "\ncuDNN +cuDNN was not found %(libcudnn%.so%.9%); install it or name its folder in SEMISAM_CUDA_LIBS\n")
  t.match(r.out, "all is well\n$")
  r = with(module.emulated, "\"$S\" ops layer_norm")
  t.match(r.out, "\nlayer_norm +yes +yes +yes ")
end)

t.test("a module that cannot be used is said, and the rest works", function()
  local dir = t.tmpdir()
  local r = with(dir .. "/none.so", "\"$S\" doctor")
  t.eq(r.status, 1)
  t.match(r.out, "\ncuda +PROBLEM: the CUDA module could not be loaded: .*none.so")
  t.match(r.out, "\narithmetic +as expected\n1 problem\n$")
  r = with("/dev/null", "\"$S\" -e 'require(\"semisam\").default_device \"cuda\"'")
  t.eq({ r.status, r.out }, { 1, "" })
  t.match(r.err, "device 'cuda:0': the CUDA module could not be loaded")
  r = with(module.folder .. "/tests/few_twins.so", "FEW_TWINS_ABI=1 \"$S\" doctor")
  t.eq(r.status, 1)
  t.match(r.out, "few_twins.so belongs to another version of semisam %(interface 1, expected %d+%)")
end)

t.test("devices that are not there", function()
  for name, says in pairs {
    ["cuda:1"] = "device 'cuda:1': there is only 1 %(cuda:0%)",
    ["cuda:99"] = "unknown device 'cuda:99', expected cuda:0 to cuda:7",
    ["cuda:"] = "unknown device 'cuda:'",
    ["gpu"] = "unknown device 'gpu', expected cpu, cuda, cuda:N, meta or meta:cuda",
  } do
    local r = with(module.emulated, ("\"$S\" -e 'require(\"semisam\").default_device %q'"):format(name))
    t.eq({ r.status, r.out }, { 1, "" }, name)
    t.match(r.err, says, name)
  end
  local r = with(module.emulated, "\"$S\" -e 'require(\"semisam\").cuda(-1)'")
  t.match(r.err, "unknown device 'cuda:1000'")
end)

t.test("inputs on two devices are refused", function()
  local r = with(module.emulated, [["$S" -e 'local ss = require "semisam"
    local x = ss.full({ 3 }, 1)
    print(x + x:to("cuda"))']])
  t.eq(r.status, 1)
  t.match(r.err, "add: inputs are on cpu and on cuda:0")
end)

t.test("the module for a GPU, where there is none", function()
  if not module.real then t.skip "nvcc was not found when this build was configured" end
  local r = with(module.real, "\"$S\" doctor")
  if r.out:find "\ncuda:0 " then t.skip "there is a GPU" end
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "\ncuda +%S*semisam_cuda.so %(CUDA [%d.]+, sm_%d+[^)]*%), %d+ operations\n +no usable GPU: ")
  t.match(r.out, "all is well\n$")
  r = with(module.real, [["$S" -e 'require("semisam").full({ 3 }, 1):to "cuda"']])
  t.eq(r.status, 1)
  t.match(r.err, "device 'cuda:0': no usable GPU: ")
  local names = {}
  for name in run.shell("nm -D --defined-only " .. run.quote(module.real)).out:gmatch "%x+ %a (%S+)" do
    names[#names + 1] = name
  end
  t.eq(names, { "ss_backend_get", "ss_backend_library" }, "what the module exports")
  local needs = run.shell("readelf -d " .. run.quote(module.real)).out
  for lib in needs:gmatch "NEEDED.-%[(.-)%]" do
    t.ok(lib:match "^lib[cm]%.so%.6$" or lib:match "^ld%-linux", "linked with " .. lib)
  end
end)

t.done()
