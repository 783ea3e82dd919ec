-- semisam convert, and inspect on PyTorch files.
local pth = require "tests.lib.pth"
local run = require "tests.lib.run"
local ss = require "semisam"
local t = require "tests.lib.t"

local two = pth.tensor { shape = { 2, 3 } }
local six = pth.floats(0, 1, 2, 3, 4, 100000)

local function checkpoint(dir, name)
  local code = pth.dict { "epoch", "K\7", "model", pth.dict { "module.a", two, "module.b", two },
    "optimizer", pth.dict { "m", two } }
  return run.write(dir .. "/" .. (name or "in.pth"), pth.file(code, { six }))
end

t.test("a training checkpoint becomes a safetensors file of its weights", function()
  local dir = t.tmpdir()
  local out = dir .. "/out.safetensors"
  local r = run.semisam { "convert", checkpoint(dir), out }
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "in%.pth: PyTorch zip, container 'model', prefix 'module%.', 2 tensors\n")
  local x = ss.safetensors_read(out)
  t.eq(x.names, { "a", "b" })
  t.eq(x.tensors.b:flat(), { 0, 1, 2, 3, 4, 100000 })
  local before = ss.fs.read(out)
  run.refuses(t, { "convert", dir .. "/in.pth", out }, 73, "exists; %-%-force replaces it")
  t.eq(ss.fs.read(out), before)
  r = run.semisam { "convert", dir .. "/in.pth", out, "container=optimizer", "--force", "dtype=bf16" }
  t.eq({ r.status, r.err }, { 0, "" })
  x = ss.safetensors_read(out)
  t.eq({ x.names, x.tensors.m.dtype }, { { "m" }, "bf16" })
  r = run.semisam { "convert", out, dir .. "/again.safetensors", "dtype=f32" }
  t.eq(r.status, 0)
  t.eq(ss.safetensors_read(dir .. "/again.safetensors").tensors.m:flat()[2], 1)
end)

t.test("misuse of convert", function()
  local dir = t.tmpdir()
  local path, out = checkpoint(dir), dir .. "/out.safetensors"
  run.refuses(t, { "convert", path }, 2, "out is missing")
  run.refuses(t, { "convert", path, dir .. "/out.pth" }, 2, "should end in %.safetensors")
  run.refuses(t, { "convert", dir .. "/none.pth", out }, 66, "No such file")
  run.refuses(t, { "convert", path, dir .. "/no/out.safetensors" }, 73, "is no folder")
  run.refuses(t, { "convert", path, out, "container=net" }, 65, "no tensors in container 'net'")
  run.refuses(t, { "convert", path, out, "prefix=x" }, 65, "begins with 'x'")
  run.refuses(t, { "convert", path, out, "dtype=f16" }, 65,
    "tensor 'a' has values that f16 cannot hold")
  run.refuses(t, { "convert", path, out, "dtype=f8" }, 2, "dtype should be one of")
  local same = checkpoint(dir, "same.safetensors")
  run.refuses(t, { "convert", same, same, "--force" }, 2, "is the file that is read")
  local evil = run.write(dir .. "/evil.pth", pth.file(pth.global("posix", "system") .. ")R"))
  run.refuses(t, { "convert", evil, out }, 65,
    "evil%.pth: refused global posix%.system at byte 2; only tensors")
  local cut = run.write(dir .. "/cut.pth", ss.fs.read(path):sub(1, 500))
  run.refuses(t, { "convert", cut, out }, 65, "cut%.pth")
  t.eq(ss.fs.exists(out), false)
end)

t.test("inspect lists the weights and what is beside them", function()
  local dir = t.tmpdir()
  local path = checkpoint(dir)
  local r = run.semisam { "inspect", path }
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "kind +PyTorch zip, 2 tensors, 12 numbers, 48 B\n +container +model\n +prefix +module%.")
  t.match(r.out, "values +all finite\n +also holds +'optimizer' %(1%).*\n +epoch +7\n +a +float32 +%[2, 3%]")
  r = run.semisam { "inspect", path, "container=" }
  t.match(r.out, "model%.module%.a .*optimizer%.m +float32")
  local code = pth.dict { "teacher", pth.dict { "x", two }, "student", pth.dict { "x", two } }
  local nan = pth.floats(1, 2, 0 / 0, 4, 5, 6)
  r = run.semisam { "inspect", run.write(dir .. "/two.pth", pth.file(code, { nan })) }
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "several networks: all are listed\n.*values +2 not finite\n")
  t.match(r.out, "\n +teacher%.x +float32 +%[2, 3%]  1 not finite\n")
  run.refuses(t, { "inspect", run.write(dir .. "/bad.pth", "PK\3\4bad") }, 65, "bad%.pth")
end)

t.done()
