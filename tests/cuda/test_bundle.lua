-- The script for a machine with a GPU, here with the emulated device in its place, and with none.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local ss = require "semisam"
local module = require "tests.cuda.module"

local function script(env, words)
  return run.shell(("SEMISAM=\"$S\" OMP_NUM_THREADS=1 %s sh tests/gpu/run.sh %s"):format(env, words or ""),
    { limit = 300 })
end

t.test("with the emulated device", function()
  local out = t.tmpdir()
  local r = script(("OUT=%s SEMISAM_CUDA_MODULE=%s"):format(run.quote(out), run.quote(module.emulated)),
    "steps=doctor,ops,sanitizer ops=add,layer_norm,mul")
  t.eq({ r.status, r.err }, { 0, "" }, r.out)
  t.match(r.out, "^emulated, sm_75, 4.0 GiB; emulated\ndoctor +ok ")
  t.match(r.out, "\nops +ok .- %d%d+ passed, 0 failed\n")
  local results = ss.json.decode(ss.fs.read(out .. "/results.json"))
  t.eq(results.gpu.name, "emulated")
  t.eq(results.steps[2].name, "ops")
  t.ok(results.steps[2].passed > 50 and results.steps[2].failed == 0)
  t.match(ss.fs.read(out .. "/doctor.log"), "all is well")
end)

t.test("the folder is complete: its steps run in it", function()
  local build = t.tmpdir()
  local r = run.shell(("cp \"$S\" %s/semisam && cp %s %s/semisam_cuda.so && bash tests/gpu/bundle.sh %s")
    :format(build, run.quote(module.emulated), build, build), { limit = 120 })
  t.eq(r.status, 0, r.err)
  t.match(r.out, "/gpu%-bundle: %d+ MB\n$")
  r = run.shell(("cd %s/gpu-bundle && env -u SEMISAM_CUDA_MODULE OMP_NUM_THREADS=1 sh run.sh " ..
    "steps=doctor,plan"):format(build), { limit = 300 })
  t.eq({ r.status, r.err }, { 0, "" }, r.out)
  t.match(r.out, "\nplan +ok ")
end)

t.test("a step that fails is told, and the rest goes on", function()
  local out = t.tmpdir()
  local r = script(("OUT=%s SEMISAM_CUDA_MODULE=%s"):format(run.quote(out), run.quote(module.emulated)),
    "steps=ops,doctor ops=no_such_op")
  t.eq(r.status, 1)
  t.match(r.out, "\nops +FAILED, status 1 ")
  t.match(r.out, "\ndoctor +ok ")
  t.match(r.out, "\n2 steps, 1 failed; ")
end)

t.test("without a device", function()
  local out = t.tmpdir()
  local r = script(("OUT=%s SEMISAM_CUDA_MODULE=%s"):format(run.quote(out),
    run.quote(module.real or "/none.so")))
  if r.out:find "\ndoctor +" then t.skip "there is a GPU" end
  t.eq({ r.status, r.err }, { 1, "" })
  t.match(r.out, "^there is no GPU that can be used here: [^\n]+\n$")
  t.ok(ss.json.decode(ss.fs.read(out .. "/results.json")).why)
end)

t.test("words it does not know", function()
  local out = t.tmpdir()
  local r = script(("OUT=%s SEMISAM_CUDA_MODULE=%s"):format(run.quote(out), run.quote(module.emulated)),
    "steps=opps")
  t.eq(r.status, 2)
  t.match(r.err, "no step 'opps', expected doctor, ops,")
  t.match(script("OUT=" .. run.quote(out), "opps=add").err, "unknown word 'opps=add'")
end)

t.done()
