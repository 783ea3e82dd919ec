-- Products and convolutions by every way there is, with libraries that are missing, and what is said
-- about it. The cases are in products.lua.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local module = require "tests.cuda.module"

local function shell(more, line)
  return run.shell(("SEMISAM_CUDA_MODULE=%s %s \"$S\" %s"):format(run.quote(module.emulated), more, line),
    { limit = 250 })
end

t.test("cuDNN, own products, no cuDNN: the same results and the same memory", function()
  local first
  for _, way in ipairs { "SS_EMULATE_CAPABILITY=80", "SEMISAM_CONV=cudnn", "SEMISAM_CONV=gemm",
    "SS_EMULATE_MISSING=cudnn" } do
    local r = shell(way, "tests/cuda/products.lua")
    t.eq({ r.status, r.err }, { 0, "" }, way .. ": " .. r.out)
    t.match(r.out, "^as expected, peak %d+\n$", way)
    first = first or r.out
    t.eq(r.out, first, way)
  end
end)

t.test("own convolutions are as defined, whatever the order of threads", function()
  for _, schedule in ipairs { "grev", "grand:1" } do
    local r = shell("SEMISAM_CONV=gemm SS_EMULATE_SCHEDULE=" .. schedule,
      "tests/ops.lua device=cuda conv2d conv3d _conv2d_dw _conv3d_dw _conv2d_dx _conv3d_dx")
    t.eq(r.status, 0, r.out .. r.err)
    t.match(r.out, "\n?%d%d+ passed, 0 failed\n$")
  end
end)

t.test("attention is as defined with and without tensor cores for its types", function()
  for _, way in ipairs { "SS_EMULATE_CAPABILITY=80 SS_EMULATE_SCHEDULE=grev",
    "SS_EMULATE_CAPABILITY=80 SS_EMULATE_SCHEDULE=grand:1", "SS_EMULATE_CAPABILITY=70" } do
    local r = shell(way, "tests/ops.lua device=cuda attention _attention_dx")
    t.eq(r.status, 0, r.out .. r.err)
    t.match(r.out, "\n?%d%d+ passed, 0 failed\n$")
  end
end)

local CONV = [[-e 'local ss = require "semisam"; ss.default_device "cuda"
  ss.ones { 1, 4, 4, 2 }:conv2d(ss.ones { 2, 2, 3, 3 })']]
local LINEAR = [[-e 'local ss = require "semisam"; ss.default_device "cuda"
  ss.ones { 3, 4 }:linear(ss.ones { 2, 4 })']]

local function says(more, line, pattern)
  local r = shell(more, line)
  t.ne(r.status, 0, more)
  t.match(r.err, pattern, more)
end

t.test("what is missing is said", function()
  says("SS_EMULATE_MISSING=cublasLt", LINEAR, "linear: cuBLASLt was not found %(libcublasLt%.so")
  says("SS_EMULATE_MISSING=cudnn SEMISAM_CONV=cudnn", CONV,
    "conv2d: SEMISAM_CONV=cudnn: cuDNN was not found %(libcudnn%.so%.9%)")
  says("SEMISAM_CONV=fast", CONV, "conv2d: SEMISAM_CONV: expected gemm or cudnn, got 'fast'")
end)

t.test("cards that cuDNN has dropped go by own products", function()
  says("SS_EMULATE_CAPABILITY=70 SEMISAM_CONV=cudnn", CONV,
    "cuDNN 9%.19 does not support sm_70; 9%.10 is the last that does")
  local r = shell("SS_EMULATE_CAPABILITY=70", CONV)
  t.eq({ r.status, r.err }, { 0, "" })
end)

t.done()
