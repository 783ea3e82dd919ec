-- Planning for a card: the steps of a run on a device without values ask for exactly what the same
-- steps ask for where there are values, and a recipe that does not fit is refused.
local advance = require "semisam.train.advance"
local run = require "tests.lib.run"
local ss = require "semisam"
local t = require "tests.lib.t"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"

-- Batches whose tensors are made on the device, as large as the recipe's.
local function batches_on(batches, device)
  local function full(n) return ss.full({ n, 16, 16, 16, 1 }, 0.5, { device = device }) end
  local made = { store = batches.store }
  for _, cases in pairs { batches.set.labelled, batches.set.unlabelled } do
    for _, case in ipairs(cases) do batches.store:get(case) end -- volumes are read before, not now
  end
  function made.labelled() return { image = full(2), weak = full(2), label = full(2) } end
  function made.unlabelled(_, i)
    return { weak = full(2), strong = full(2), samples = batches:plan("unlabelled", i) }
  end
  function made.waited() return 0 end
  return made
end

-- What three steps with every term ask of a device.
local function steps(device, precision)
  local dir = ss.fs.tmpdir()
  local cfg = tiny.recipe("semi_sam_plus", dir, "run", { "device=" .. device, "quiet=true",
    "data.workers=0", "pseudo.min_voxels=1", "pseudo.min_part=0", "precision=" .. precision })
  local memory = ss.on(device, ss.scoped, function()
    local r = train.build(cfg)
    r.batches, r.log, r.report = batches_on(r.batches, device), { step = function() end },
      { step = function() end }
    for name, p in r.student:named_parameters() do -- all is foreground: there are prompts
      if name:find "bias$" and p.count <= 2 then ss.no_grad(p.fill_, p, 9) end
    end
    r.numbers.phase = 2
    collectgarbage()
    ss.reset_peak(device)
    local before = ss.memory(device).used
    for _ = 1, 3 do
      r.numbers.semi_steps = 40
      advance(r)
    end
    local m = ss.memory(device)
    return { peak = m.peak - before, used = m.used - before, trace = m.trace }
  end)
  ss.fs.remove(dir, { tree = true })
  return memory
end

local function same(one, two, precision)
  ss._pace { flops_f32 = 1e12, flops_f16 = 1e12, bytes = 1e12, launch = 0 }
  local imagined = steps(one, precision)
  ss._pace(nil)
  local real = steps(two, precision)
  t.eq(imagined.peak, real.peak, "peak")
  t.eq(imagined.used, real.used, "in use")
  t.eq(imagined.trace, real.trace, "allocations in their order")
  assert(imagined.peak > 100000 and imagined.trace ~= "(nil)")
end

for _, precision in ipairs { "f32", "f16" } do
  t.test("meta asks for what the cpu asks for, " .. precision, function()
    same("meta", "cpu", precision)
  end)
  t.test("meta:cuda asks for what a CUDA device asks for, " .. precision, function()
    if not pcall(ss.memory, "cuda") then return t.skip "no CUDA device; see tests/cuda" end
    same("meta:cuda", "cuda", precision)
  end)
end

t.test("a recipe that does not fit has status 1", function()
  local dir = ss.fs.tmpdir()
  local words = {}
  for i, w in ipairs(tiny.words(dir, "run")) do words[i] = run.quote(w) end
  local line = "$S plan recipes/semi_sam_plus.lua device=titanv " .. table.concat(words, " ")
  local fits = run.shell(line)
  t.eq(fits.status, 0, fits.err)
  assert(fits.out:find "semi +teacher" and fits.out:find "fits", fits.out)
  local over = run.shell(line .. " max_gb=0.451")
  t.eq(over.status, 1, over.err)
  assert(over.out:find "does not fit", over.out)
  local json = ss.json.decode(run.shell(line .. " --json").out)
  assert(json.fits and json.need_gb > 0.45 and json.phases[1].name == "load")
  ss.fs.remove(dir, { tree = true })
end)

t.test("what a card cannot do is said", function()
  local r = run.shell "$S plan recipes/semi_sam_plus.lua device=titanv precision=bf16"
  t.eq(r.status, 78, r.err)
  assert(r.err:find "no bf16", r.err)
  r = run.shell "$S plan recipes/semi_sam_plus.lua device=titan"
  t.eq(r.status, 2, r.err)
  assert(r.err:find "titanv", r.err)
end)

t.done()
