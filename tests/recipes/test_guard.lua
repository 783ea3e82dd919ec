-- Values that are not finite, loss scaling, accumulation: what a step may do to the weights.
local t = require "tests.lib.t"
local ss = require "semisam"
local step = require "semisam.train.step"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"

local LIVE = { leaks = false } -- the networks of a run live as long as its table

-- Fits with step.terms replaced by around(terms, run, index, ...), which may look at the run and
-- change what comes. Returns what pcall does.
local function fit(dir, words, around, recipe)
  local real = step.terms
  if around then
    step.terms = function(run, index, ...) return around(real, run, index, ...) end
  end
  local cfg = tiny.recipe(recipe or "semi_sam_plus", dir, "a", table.move(words, 1, #words, 2,
    { "quiet=true" }))
  local ok, a, b = pcall(train.fit, cfg)
  step.terms = real
  return ok, a, b
end

local function hash(net)
  return tiny.weights { student = net }
end

-- The sentence of a run whose micro-batch `at` is spoiled by spoil(terms, run), and the run. The
-- weights before and after must be the same.
local function spoiled(at, spoil, more)
  local dir = t.tmpdir()
  local run, before
  local words = table.move(more or {}, 1, #(more or {}), 2, { "every={validate=1, checkpoint=2}" })
  local ok, why = fit(dir, words, function(real, r, index, ...)
    run = r
    if index == at and not before then before = { hash(r.student), hash(r.teacher.net) } end
    local terms, note = real(r, index, ...)
    if index == at then spoil(terms, r) end
    return terms, note
  end)
  t.eq(ok, false)
  t.eq({ hash(run.student), hash(run.teacher.net) }, before, "the weights moved")
  t.eq(run.numbers.step, at, "the step does not count")
  t.ok(ss.fs.exists(dir .. "/a/state-000000004.safetensors"))
  t.match(ss.fs.read(dir .. "/a/report.html"), "stopped: step")
  return tostring(why), run
end

t.test("the first operation that makes a NaN is named; finite results pass", function()
  ss.check_finite(true)
  local ok, why = pcall(function()
    local x = ss.tensor { 1, 0, -1 }
    local y = (x * 2):exp():sqrt()
    return y:log() + x:log()
  end)
  local again, why2 = pcall(function() return ss.tensor { 1, 0 / 0, 1 / 0 } * 2 end)
  local half, why3 = pcall(function() return (ss.tensor { 60000, 1 }:to("f16") * 4):to("f32") end)
  ss.check_finite(false)
  t.eq({ ok, again, half }, { false, false, false })
  t.match(why, "^.*log: makes 2 values that are not finite from finite inputs %(x f32%[3%]%)")
  t.match(why2, "'.' holds 2 values that are not finite already")
  t.match(why3, "mul: makes 1 values")
  t.eq((ss.tensor { 0 }:log()):item(), -math.huge, "off: nothing is looked at")
end)

t.test("a loss that is not a number: term, operation and place; nothing has changed", function()
  local why = spoiled(4, function(terms)
    terms.con = terms.con + (terms.con:detach() * 0 - 1):log()
  end)
  t.match(why, "^step 5: the loss term \"con\" is not a number; it began in log: makes 1 values")
  t.match(why, "%(forward%)%. The weights were not changed by it; the checkpoint of step 4 is kept")
end, LIVE)

t.test("a gradient that is not finite behind a finite loss", function()
  local why = spoiled(5, function(terms)
    terms.con = terms.con + (terms.con * 0):sqrt()
  end)
  t.match(why, "^step 6: the gradient is not a number; it began in _sqrt_dx: makes 1 values")
  t.match(why, "gradient of the term \"con\"")
end, LIVE)

t.test("a weight that is not a number is found in its layer, and never written", function()
  local dir = t.tmpdir()
  local run
  local ok, why = fit(dir, {}, function(real, r, index, ...)
    run = r
    if index == 4 and not run.poisoned then
      run.poisoned = true
      ss.no_grad(function() r.student.head.weight:fill_(0 / 0) end)
    end
    return real(r, index, ...)
  end)
  t.eq(ok, false)
  t.match(tostring(why), "step 5: the loss term \"sup\" is not a number; it began in conv3d: 'w")
  t.match(tostring(why), "holds %d+ values that are not finite already .*in student%.head")
  local last
  for _, name in ipairs(ss.fs.list(dir .. "/a")) do
    if name:find("^state%-") then last = dir .. "/a/" .. name end
  end
  for name, x in pairs(ss.safetensors_read(last).tensors) do
    if x.dtype == "f32" then t.ok(x:isfinite():all():item() ~= 0, name) end
  end
  run.numbers.step = 5
  local guard = require "semisam.train.guard"
  t.raises(function() guard.weights(run) end, "student%.head%.weight holds values that are not finite")
end, LIVE)

t.test("f16: the scale backs off, the step and the averages are left out; it is in the checkpoint",
  function()
    local dir = t.tmpdir()
    local seen = {}
    local function around(real, r, index, ...)
      seen[index] = { scale = r.optim.scale, student = hash(r.student), teacher = hash(r.teacher.net),
        updates = r.teacher.steps, steps = r.optim.steps }
      local terms, note = real(r, index, ...)
      if index == 4 or index == 5 then terms.con = terms.con + (terms.con * 0):sqrt() end
      return terms, note
    end
    local words = { "precision=f16", "every={validate=1, checkpoint=1}" }
    local ok, run = fit(dir, words, around)
    t.eq(ok, true, tostring(run))
    t.eq({ seen[4].scale, seen[5].scale, seen[6].scale }, { 65536, 32768.0, 16384.0 })
    for _, key in ipairs { "student", "teacher", "updates", "steps" } do
      t.eq(seen[6][key], seen[4][key], key)
      t.ne(seen[7][key], seen[6][key], key)
    end
    t.eq({ run.optim.skipped, run.teacher.frozen }, { 2, true })
    local rows = require("semisam.csv").rows(dir .. "/a/log.csv")
    t.eq({ rows[5].scale, rows[6].scale, rows[7].scale, rows[12].skipped }, { 65536, 32768, 16384, 2 })
    local newest = ss.safetensors_read(dir .. "/a/state-000000012.safetensors")
    t.eq(ss.json.decode(newest.metadata.semisam).optim.scale, 16384)
    -- from the checkpoint before the last step on, the same end
    ss.fs.remove(dir .. "/a/state-000000012.safetensors")
    local back, again = fit(dir, { "precision=f16", words[2], "out=", "resume=" .. dir .. "/a" }, around)
    t.eq(back, true, tostring(again))
    t.eq({ again.optim.scale, again.optim.skipped, hash(again.student) },
      { 16384.0, 2, hash(run.student) })
  end, LIVE)

t.test("f16: 25 steps left out in a row end the run with a reason", function()
  local dir = t.tmpdir()
  local ok, why = fit(dir, { "precision=f16", "iters_per_epoch=12" }, function(real, r, index, ...)
    local terms, note = real(r, index, ...)
    if index >= 4 then terms.sup = terms.sup + (terms.sup * 0):sqrt() end
    return terms, note
  end)
  t.eq(ok, false)
  t.match(tostring(why), "step 29: the gradient is not a number, 25 steps in a row; it began in _sqrt_dx")
end, LIVE)

t.test("bf16 and f16 train like f32, with f32 weights", function()
  local loss = {}
  for _, precision in ipairs { "f32", "bf16", "f16" } do
    local ok, run = fit(t.tmpdir(), { "precision=" .. precision })
    t.eq(ok, true, tostring(run))
    loss[precision] = run.report.history.last.loss
    for _, p in run.student:named_parameters() do t.eq(p.dtype, "f32") end
    t.eq(rawget(run.shadow.net, "compute"), nil, "validated as predict runs it")
  end
  t.near(loss.bf16, loss.f32, 0.02)
  t.near(loss.f16, loss.f32, 0.01)
  t.ne(loss.bf16, loss.f32)
  local ok, why = fit(t.tmpdir(), { "precision=f64" })
  t.eq(ok, false)
  t.match(tostring(why), "setting 'precision' should be one of f32, bf16, f16, got 'f64'")
end, LIVE)

-- The weights of a mean-teacher run with per-sample losses as one list.
local function weights(batch, accumulate, optim)
  local dir = t.tmpdir()
  local cfg = tiny.recipe("mean_teacher", dir, "a", { "quiet=true", optim,
    ("batch={labelled=%d, unlabelled=%d, accumulate=%d}"):format(batch, batch, accumulate) })
  cfg.loss.sup.per_sample = true
  local run, out = train.fit(cfg), {}
  for _, p in run.student:named_parameters() do table.move(p:flat(), 1, p.count, #out + 1, out) end
  return out, run
end

t.test("2 x 1 micro-batches are 1 x 2 to 1e-5; the average moves once a step", function()
  for _, optim in ipairs { "optim={sgd, momentum=0.9}", "optim={adamw, weight_decay=1e-4}" } do
    local a, run = weights(1, 2, optim)
    local b = weights(2, 1, optim)
    t.near(a, b, 1e-5, optim)
    t.eq({ run.optim.steps, run.shadow.steps }, { 12, 12 })
  end
end, LIVE)

t.test("optim: finite leaves out a bad step without a loss scale; skip forgets a half step", function()
  local nn, optim = require "semisam.nn", require "semisam.optim"
  local net = nn.linear(2, 1)
  local opt = optim.sgd(net, { lr = 1, accumulate = 2, finite = true })
  local x = ss.tensor { { 1, 2 } }
  opt:backward(net(x):sum())
  opt:step()
  opt:skip()
  t.eq({ opt.micro, opt.skipped, net.weight.grad }, { 0, 1 })
  opt:backward(net(x):sum())
  opt:step()
  opt:backward((net(x) * 0):sqrt():sum())
  local before = hash(net)
  local stepped, info = opt:step()
  t.eq({ stepped, info.skipped, hash(net) }, { false, true, before })
end, LIVE)

t.done()
