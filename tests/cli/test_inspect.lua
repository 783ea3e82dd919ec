-- semisam inspect and ops: right files are described, wrong ones get one sentence.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local ss = require "semisam"

local affine = { { -0.5, 0, 0, 10 }, { 0, 0.5, 0, 20 }, { 0, 0, 2, 30 }, { 0, 0, 0, 1 } }

local function volume(path, x, dtype)
  ss.nifti_write(path, x, { affine = affine, dtype = dtype })
  return path
end

t.test("a volume", function()
  local dir = t.tmpdir()
  local r = run.semisam { "inspect", volume(dir .. "/a.nii.gz", ss.uniform({ 4, 5, 6 }, 1)) }
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "voxels +4, 5, 6 %(z, y, x%)")
  t.match(r.out, "spacing +2, 0%.5, 0%.5 mm %(z, y, x%)")
  t.match(r.out, "orientation +LAS")
  t.match(r.out, "values +min 0%.%d+ +mean 0%.%d+")
  local bars, total = 0, 0
  for n in r.out:gmatch("%.%. [%d.]+ +(%d+)") do bars, total = bars + 1, total + tonumber(n) end
  t.eq({ bars, total }, { 12, 120 })
end)

t.test("labels, a constant, not-a-numbers", function()
  local dir = t.tmpdir()
  local labels = ss.uniform({ 3, 3, 3 }, 1):gt(0.5):cast("u8")
  local n = math.floor(labels:cast("f32"):sum():item())
  local r = run.semisam { "inspect", volume(dir .. "/l.nii", labels, "u8") }
  t.match(r.out, ("label 0 +%d #+\n +label 1 +%d #"):format(27 - n, n))
  r = run.semisam { "inspect", volume(dir .. "/c.nii", ss.full({ 2, 2, 2 }, 7.5)) }
  t.match(r.out, "min 7%.5   mean 7%.5")
  r = run.semisam { "inspect", volume(dir .. "/n.nii", ss.tensor { { { 1, 0 / 0 }, { 2, 4 } } }) }
  t.eq(r.status, 0)
  t.match(r.out, "1 not a number, 0 infinite")
end)

t.test("slices as a picture", function()
  local dir = t.tmpdir()
  local a = volume(dir .. "/a.nii", ss.uniform({ 8, 8, 8 }, 1))
  local m = volume(dir .. "/m.nii", ss.uniform({ 8, 8, 8 }, 1):gt(0.7):cast("u8"), "u8")
  local r = run.semisam { "inspect", a, "png=" .. dir .. "/a.png", "mask=" .. m }
  t.eq({ r.status, r.err }, { 0, "" })
  t.ok(ss.fs.exists(dir .. "/a.png"))
  r = run.semisam { "inspect", a, "--no-data", "png=" .. dir .. "/none/a.png" }
  t.eq(r.status, 73)
  t.match(r.err, "^semisam: [^\n]*none/a%.png[^\n]*\n$")
end)

t.test("weights", function()
  local dir = t.tmpdir()
  local path = dir .. "/w.safetensors"
  ss.safetensors_write(path, { ["a.weight"] = ss.zeros { 3, 4 }, b = ss.ones { 2 } }, { note = "hello" })
  local r = run.semisam { "inspect", path }
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "safetensors, 2 tensors, 14 numbers, 56 B")
  t.match(r.out, "note +hello")
  t.match(r.out, "\n  a%.weight +float32 +%[3, 4%]")
  local bytes = ss.fs.read(path)
  for _, text in ipairs { "", "short", bytes:sub(1, -2), ("x"):rep(100), "\8\0\0\0\0\0\0\0{\"a\":1}" } do
    run.refuses(t, { "inspect", run.write(dir .. "/bad.safetensors", text) }, 65, "bad%.safetensors")
  end
end)

t.test("folders", function()
  local dir = t.tmpdir()
  ss.fs.mkdir(dir .. "/set/imagesTr")
  ss.fs.mkdir(dir .. "/set/labelsTr")
  volume(dir .. "/set/imagesTr/x_0000.nii.gz", ss.zeros { 2, 2, 2 })
  local r = run.semisam { "inspect", dir .. "/set" }
  t.match(r.out, "images +1 volumes\n +labels +0;")
  ss.fs.mkdir(dir .. "/run")
  ss.fs.write(dir .. "/run/recipe.lua", "return {}\n")
  t.match(run.semisam({ "inspect", dir .. "/run" }).out, "steps +none yet")
  ss.fs.write(dir .. "/run/log.csv", "step,phase,loss\n1,warmup,0.9\n2,warmup,0.8\n")
  ss.fs.write(dir .. "/run/validation.csv", "step,phase,dice\n1,warmup,0.25\n2,warmup,0.125\nbroken")
  r = run.semisam { "inspect", dir .. "/run" }
  t.match(r.out, "steps +2, phase warmup, loss 0%.8")
  t.match(r.out, "validation Dice 0%.2500 at step 1")
end)

t.test("ten ways to misuse inspect", function()
  local dir = t.tmpdir()
  local function file(name, text) return run.write(dir .. "/" .. name, text) end
  local good = volume(dir .. "/good.nii", ss.zeros { 4, 4, 4 })
  local bytes = ss.fs.read(good)
  run.refuses(t, { "inspect" }, 2, "files is missing")
  run.refuses(t, { "inspect", dir .. "/none.nii" }, 66, "none%.nii: No such file")
  run.refuses(t, { "inspect", file("empty.nii", "") }, 65, "empty%.nii")
  run.refuses(t, { "inspect", file("short.nii", bytes:sub(1, 100)) }, 65, "short%.nii")
  run.refuses(t, { "inspect", file("cut.nii", bytes:sub(1, -2)) }, 65, "cut%.nii")
  run.refuses(t, { "inspect", file("text.nii", ("hello "):rep(200)) }, 65, "text%.nii: not NIfTI")
  run.refuses(t, { "inspect", file("bad.nii.gz", "\31\139" .. ("x"):rep(500)) }, 65, "bad%.nii%.gz")
  run.refuses(t, { "inspect", file("what.txt", "x") }, 65, "expected %.nii, %.nii%.gz, %.pth")
  run.refuses(t, { "inspect", dir }, 65, "neither a run")
  run.refuses(t, { "inspect", good, "pgn=x.png" }, 2, "unknown option 'pgn'; did you mean 'png'%?")
  run.refuses(t, { "inspect", good, "data=maybe" }, 2, "data expects true or false, got 'maybe'")
  run.refuses(t, { "inspect", good, "mask=" .. dir .. "/none.nii" }, 66, "No such file")
  run.refuses(t, { "inspect", good, "mask=" .. good, "mask=" .. good }, 2, "mask is given twice")
  run.refuses(t, { "inspect", good, "png=" }, 2, "png expects a path")
  run.refuses(t, { "inspect", "/dev/null" }, 66, "expected a file or folder")
  t.eq(ss.fs.exists("x.png"), false)
end)

t.test("ops", function()
  local r = run.semisam { "ops", "conv" }
  t.eq(r.status, 0)
  t.match(r.out, "^operation +cpu +cuda +grad +arguments\n")
  t.match(r.out, "\nconv3d +yes +[y-][es]* +yes +x: float, weight: float")
  run.refuses(t, { "ops", "zzzz" }, 1, "no operation mentions 'zzzz'")
  run.refuses(t, { "ops", "a", "b" }, 2, "unexpected 'b'")
  run.refuses(t, { "ops", "internal=3" }, 2, "expects true or false")
  t.match(run.semisam({ "ops", "--internal" }).out, "\n_conv3d_dw ")
end)

t.done()
