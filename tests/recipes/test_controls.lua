-- What a run ships, and the looks and controls of a study: held-out pseudo-labels, shuffled ones.
local t = require "tests.lib.t"
local labels = require "semisam.train.labels"
local ss = require "semisam"
local step = require "semisam.train.step"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"

local LIVE = { leaks = false } -- the networks of a run live as long as the table `run`

local function fit(dir, name, out, more)
  local words = { "quiet=true" }
  table.move(more or {}, 1, #(more or {}), 2, words)
  return train.fit(tiny.recipe(name, dir, out, words))
end

-- A finished run put back into its semi-supervised phase.
local function in_semi(run)
  for i, p in ipairs(run.plan) do
    if p.name == "semi" then run.numbers.phase, run.numbers.phase_start = i, run.numbers.step end
  end
  run.student:train()
  return run
end

t.test("ship=last writes and tests the last average, and so does a run without validation", function()
  local dir = t.tmpdir()
  local function shipped(out)
    local file = ss.safetensors_read(dir .. "/" .. out .. "/best.safetensors")
    local parts = {}
    for name, x in pairs(file.tensors) do parts[#parts + 1] = name .. ss.hash(x) end
    table.sort(parts)
    return table.concat(parts), ss.json.decode(file.metadata.semisam)
  end
  local function tested(out, folder)
    local all = ss.json.decode(ss.fs.read(("%s/%s/%s/summary.json"):format(dir, out, folder)))
    return { all.metric_per_case[1].metrics, all.metric_per_case[2].metrics }
  end
  local function last(run)
    local parts = {}
    for name, x in pairs(run.shadow.net:state()) do
      if type(name) == "string" then parts[#parts + 1] = name .. ss.hash(x) end
    end
    table.sort(parts)
    return table.concat(parts)
  end
  local falling = { "phases.semi.lr=0.5", "phases.finetune.lr=0.5" } -- the best comes early
  local best = fit(dir, "supervised", "best", falling)
  local both = fit(dir, "supervised", "both", { "watch.last=true", table.unpack(falling) })
  local late = fit(dir, "supervised", "late", { "ship=last", table.unpack(falling) })
  t.eq(tiny.log(dir .. "/late"), tiny.log(dir .. "/best"))
  t.ok(best.numbers.best_step < 12, "this test needs an early best")
  local weights, facts = shipped "late"
  t.eq(weights, last(late))
  t.eq({ facts.step, facts.dice }, { 12, late.numbers.last_dice })
  t.ne(shipped "best", weights)
  t.eq(shipped "both", (shipped "best"))
  t.eq({ tested("both", "test"), tested("both", "test_last") },
    { tested("best", "test"), tested("late", "test") }, "the last average is tested beside the best")
  t.ne(tested("both", "test"), tested("both", "test_last"))
  t.eq(both.result.cases[1].metrics, best.result.cases[1].metrics)
  local without = fit(dir, "supervised", "without", { "data.n_val=0", table.unpack(falling) })
  weights, facts = shipped "without"
  t.eq(weights, last(without))
  t.eq({ facts.step, facts.dice, #without.result.cases }, { 12, nil, 2 })
  local ok, why = pcall(fit, dir, "supervised", "x", { "ship=first" })
  t.eq(ok, false)
  t.match(tostring(why), "setting 'ship' should be best or last, got first")
end, LIVE)

-- A generalist that answers its mask prompt, or `answer` everywhere.
local function fake(answer)
  return {
    encode = function(_, x) return x end,
    decode = function(_, x, prompt)
      return answer and ss.full({ 1, x.shape[2], x.shape[3], x.shape[4], 1 }, answer) or prompt.mask
    end,
  }
end

t.test("pseudo-labels against the truth of held-out cases; looking changes nothing", function()
  local dir = t.tmpdir()
  local plain = fit(dir, "semi_sam_plus", "a")
  local run = fit(dir, "semi_sam_plus", "b", { "watch.pseudo=2", "pseudo.queue={mask,points}" })
  t.eq(tiny.weights(run), tiny.weights(plain))
  t.eq(tiny.log(dir .. "/b"), tiny.log(dir .. "/a"))
  local rows = require("semisam.csv").rows(dir .. "/b/validation.csv")
  t.eq({ rows[1].phase, rows[1].step, #rows }, { "warmup", 3, 4 }) -- when the warm-up ends
  for i = 1, 4 do t.ok(rows[i].coarse >= 0 and rows[i].pseudo >= 0 and rows[i].pseudo <= 1) end
  t.eq(require("semisam.csv").rows(dir .. "/a/validation.csv")[2].coarse, nil)
  run.cfg.pseudo.queue, run.cfg.pseudo.min_voxels = { "mask" }, 1
  run.generalists = { fake() }
  local coarse, pseudo = labels.held_out(run, 2)
  t.ok(coarse > 0)
  t.eq(pseudo, coarse, "the prompt itself")
  run.generalists = { fake(4) }
  coarse, pseudo = labels.held_out(run, 2)
  local sum = 0
  for _, case in ipairs(run.set.val) do
    local truth = run.store:label(case)
    local n = truth:gt(0):to("f32"):sum():item()
    sum = sum + 2 * n / (n + truth.count)
  end
  t.ok(coarse > 0)
  t.near(pseudo, sum / 2, 1e-6, "all inside")
  run.cfg.pseudo.shuffled = true
  t.eq(labels.held_out(run, 2), nil)
end, LIVE)

t.test("labels that validation cases find harmful are left out until they are better", function()
  local dir = t.tmpdir()
  local plain = fit(dir, "semi_sam_plus", "plain", { "watch.pseudo=4" })
  local rows = require("semisam.csv").rows(dir .. "/plain/validation.csv")
  local least = 1
  for i = 1, 4 do least = math.min(least, rows[i].pseudo - rows[i].coarse) end
  t.ok(least < -0.01, "this test needs a harmful generalist")
  local teacher = fit(dir, "mean_teacher", "teacher")
  local words = { "pseudo.sanity=validation", "pseudo.worse=0.001" }
  local run = fit(dir, "semi_sam_plus", "guarded", words)
  local log = require("semisam.csv").rows(dir .. "/guarded/log.csv")
  local before = require("semisam.csv").rows(dir .. "/plain/log.csv")
  local seen = require("semisam.csv").rows(dir .. "/guarded/validation.csv")
  t.ok(seen[1].coarse, "looked at without being asked to, and before the labels are used")
  local left_out, used = 0, 0
  for k = 1, #log do -- validations are after steps 3 (the end of the warm-up), 6 and 9
    local row = k > 3 and seen[(k - 1) // 3]
    local harmful = row and row.pseudo < row.coarse - 0.001
    t.eq(log[k].beta, harmful and 0 or before[k].beta, "step " .. k)
    if harmful then t.eq(log[k].rs, nil, "nothing is asked of the generalist") end
    if row then left_out, used = left_out + (harmful and 1 or 0), used + (harmful and 0 or 1) end
  end
  t.ok(left_out > 0)
  t.eq(run.numbers.harmful, seen[4].pseudo < seen[4].coarse - 0.001 or nil)
  local lenient = fit(dir, "semi_sam_plus", "lenient",
    { "pseudo.sanity=validation", "pseudo.worse=1" })
  t.eq(tiny.weights(lenient), tiny.weights(plain), "what is not harmful changes nothing")
  t.ne(tiny.weights(run), tiny.weights(plain))
  t.eq(tiny.weights(run) == tiny.weights(teacher), used == 0, "never used: Mean Teacher")
  -- the decision is part of a checkpoint
  run.numbers.harmful = nil
  labels.judge(run, 0.5, 0.4)
  t.eq(run.numbers.harmful, true)
  labels.judge(run, nil)
  t.eq(run.numbers.harmful, true, "not looked at: as before")
  labels.judge(run, 0.5, 0.4999)
  t.eq(run.numbers.harmful, nil)
end, LIVE)

t.test("shuffled: each volume has its neighbour's label; one volume has no neighbour", function()
  local dir = t.tmpdir()
  local run = in_semi(fit(dir, "semi_sam_plus", "a", { "pseudo.min_voxels=1", "pseudo.queue={mask}",
    "pseudo.n=1" }))
  local seen, online = nil, labels.online
  run.generalists = { fake() }
  local function term(shuffled)
    run.cfg.pseudo.shuffled = shuffled
    return ss.no_grad(ss.scoped, function() return (step.terms(run, 0, 0, 1)).rs:item() end)
  end
  labels.online = function(...) -- luacheck: ignore
    local found = online(...)
    seen = { mu = found.mu:flat(), conf = found.conf:flat() }
    return found
  end
  local own = term(false)
  local half = #seen.mu // 2
  local other = term(true)
  labels.online = function(...) -- luacheck: ignore
    local found = online(...)
    for _, name in ipairs { "mu", "conf", "union" } do
      local x = found[name]
      found[name] = ss.cat(x:slice(1, 2, 2), x:slice(1, 1, 1), { dim = 1 })
    end
    return found
  end
  local by_hand = term(false)
  labels.online = online -- luacheck: ignore
  t.eq(half * 2, #seen.mu)
  t.eq(other, by_hand)
  t.ne(other, own)
  local ok, why = pcall(fit, dir, "semi_sam_plus", "b", { "pseudo.shuffled=true", "batch.unlabelled=1" })
  t.eq(ok, false)
  t.match(tostring(why), "pseudo.shuffled needs two volumes in a batch, and batch.unlabelled is 1")
end, LIVE)

t.done()
