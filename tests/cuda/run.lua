-- Whole runs on a CUDA device, from the command line: training with its report, an early end and
-- what follows it, prediction, generalists alone, pictures.
--
-- Run by test_run.lua with the emulated module, and on a GPU by the bundle.
local fs = require("semisam").fs
local memory = require "semisam.train.memory"
local run = require "tests.lib.run"
local ss = require "semisam"
local t = require "tests.lib.t"
local tiny = require "tests.lib.tiny"

local have, why = pcall(ss.memory, "cuda")

local function words(list)
  local out = {}
  for i, word in ipairs(list) do out[i] = run.quote(word) end
  return table.concat(out, " ")
end

-- Trains by a shrunk recipe in dir/name; returns what it said.
local function train(recipe, dir, name, more)
  local all = { "device=cuda", "phases.semi.epochs=1", table.unpack(more or {}) }
  return run.shell(("\"$S\" recipes/%s.lua %s"):format(recipe, words(tiny.words(dir, name, all))),
    { limit = 300 })
end

local function checked(r)
  t.eq(r.status, 0, r.out .. r.err)
  t.match(r.out, "\nmemory on cuda: [%d.]+ GB at most by plan %(%a+%), [%d.]+ are to be had\n")
  t.ok(not r.out:find "memory up to the end", "memory is as planned: " .. r.out)
  t.ok(not (r.out .. r.err):find "could not", "nothing failed: " .. r.out .. r.err)
  t.match(r.out, "\ntest: Dice ")
end

local function on_gpu(name, f)
  t.test(name, function()
    if not have then return t.skip(tostring(why)) end
    f()
  end)
end

on_gpu("the default guard, every kind of prompt, pictures; then from an early checkpoint", function()
  local dir = t.tmpdir()
  checked(train("semi_sam_plus", dir, "run", { "pseudo.sanity=validation", "watch.pseudo=2",
    "pseudo.queue={mask,points,box,mix,clicks}", "pseudo.negatives=1", "watch.last=true",
    "watch.seconds=0" }))
  local out = dir .. "/run"
  t.match(fs.read(out .. "/report.html"), "data:image/png")
  local column = fs.read(out .. "/validation.csv")
  t.match(column, "\n%d+,semi,[%d.]+,[%d.]+,%d,[%d.]+,[%d.e-]+,[%d.e-]+\n")
  local log, best = tiny.log(out), ss.hash(fs.read(out .. "/best.safetensors"))
  for _, name in ipairs(fs.list(out)) do -- as if the last steps had not been
    if name:match "^state%-0*9%." then fs.remove(out .. "/" .. name) end
  end
  local again = run.shell(("\"$S\" recipes/semi_sam_plus.lua resume=%s"):format(
    run.quote(out)), { limit = 300 })
  t.eq(again.status, 0, again.out .. again.err)
  t.match(table.concat(fs.list(out), " "), "state%-0*9%.", "the steps were taken again")
  t.eq(tiny.log(out), log, "log.csv")
  t.eq(ss.hash(fs.read(out .. "/best.safetensors")), best, "best.safetensors")
end)

on_gpu("windows, a V-Net, halves, cached labels", function()
  local dir = t.tmpdir()
  checked(train("semi_sam_plus", dir, "run", { "student={vnet,filters=2}", "data.patch={16,16,16}",
    "data.phantoms={train=6, labelled=2, val=2, test=2, size={20,16,24}, seed=3, family=target}",
    "infer.blend=gauss", "precision=f16", "pseudo.refresh=1", "batch.accumulate=2" }))
end)

on_gpu("prediction and the generalists alone", function()
  local dir = t.tmpdir()
  checked(train("supervised", dir, "run"))
  local image = run.shell("ls " .. run.quote(dir) .. "/cache/phantoms-*/imagesTs/*").out:match "[^\n]+"
  local case = image:match "([^/]+)_0000%.nii%.gz$"
  local mask = dir .. "/mask.nii.gz"
  local r = run.semisam({ "predict", image, mask, "checkpoint=" .. dir .. "/run", "device=cuda" },
    { limit = 120 })
  t.eq(r.status, 0, r.err)
  t.eq(ss.hash(ss.nifti_read(mask).data),
    ss.hash(ss.nifti_read(("%s/run/test/%s.nii.gz"):format(dir, case)).data), "the test's answer")
  r = run.shell("\"$S\" recipes/generalist_alone.lua " ..
    words(tiny.words(dir, "alone", { "device=cuda" })), { limit = 120 })
  t.eq(r.status, 0, r.out .. r.err)
  t.match(r.out, "\ntest: Dice ")
end)

on_gpu("too little memory is refused before anything is made", function()
  local dir = t.tmpdir()
  local r = train("semi_sam_plus", dir, "run", { "max_gb=0.004" })
  t.eq(r.status, 78, r.out .. r.err)
  t.match(r.err, "cuda: needs 0%.00%d GB %(%a+%), and 0%.004 are to be had %(max_gb=0%.004%)")
  t.ok(not fs.exists(dir .. "/run"), "no folder of a run")
end)

on_gpu("networks are timed in the types the GPU is fast in", function()
  local r = run.shell("\"$S\" bench models quick=true turns=1 case=tiny_decode device=cuda json=true")
  t.eq(r.status, 0, r.err)
  local types = {}
  for line in r.out:gmatch "[^\n]+" do
    local row = ss.json.decode(line)
    types[#types + 1] = row.dtype
    t.ok(row.device == "cuda" and row.peak_bytes > 0)
  end
  t.eq(types, ss.cuda(0).capability >= 80 and { "f32", "f16", "bf16" } or { "f32", "f16" })
end)

on_gpu("tensors of a GPU are drawn", function()
  local dir = t.tmpdir()
  local r = run.shell(([["$S" -e 'local ss = require "semisam"
    ss.default_device "cuda"
    local x = ss.arange(512):reshape { 8, 8, 8 }
    require("semisam.draw").show(x, x:gt(0.5), { out = "%s/a.png" })
    print(x)']]):format(dir))
  t.eq(r.status, 0, r.err)
  t.ok(fs.exists(dir .. "/a.png"))
end)

t.test("bytes by phase, and what departs from them", function()
  local function rows(...)
    local out = {}
    for i, used in ipairs { ... } do out["stage" .. i] = { used = used } end
    return { rows = out }
  end
  local phases = { rows(100), rows(500, 900), rows(2000, 700), rows(1000) }
  for i, name in ipairs { "load", "warmup", "semi", "evaluation" } do phases[i].name = name end
  local planned = memory.by_phase(phases)
  t.eq({ planned.all, planned.at, planned.warmup, planned.semi }, { 2000, "semi", 1000, 2000 })
  t.eq(memory.departs(planned, "semi", 2040), nil)
  t.match(memory.departs(planned, "semi", 2041), "^memory up to the end of the semi phase: ")
  t.eq(memory.departs(planned, "warmup", 900), nil)
  t.eq(memory.departs({ why = "x" }, "semi", 1), nil)
end)

t.done()
