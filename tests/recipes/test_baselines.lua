-- Every baseline on tiny phantoms: it runs, is reproducible, resumes, and learns what it is shown.
local t = require "tests.lib.t"
local ss = require "semisam"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"

local LIVE = { leaks = false } -- the networks of a run live as long as the table `run`

local NAMES = { "baseline", "uamt", "ict", "cps", "fixmatch", "unimatch", "dan", "entropy", "urpc", "dtc",
  "mc_net", "bcp", "ad_mt", "semisam_mt" }

-- Two dozen steps with the weights of the unlabelled terms up at once.
local SHORT = { "quiet=true", "student={unet3d, base=2, levels=3}", "lambda.ramp=constant",
  "phases.warmup.epochs=1", "phases.semi.epochs=6", "phases.finetune.epochs=1",
  "every={validate=2, checkpoint=6}" }

local function fit(dir, name, out, more)
  local words = table.move(SHORT, 1, #SHORT, 1, {})
  for _, word in ipairs(more or {}) do
    local key = word:match "^[^=]*"
    for i = #words, 1, -1 do
      if words[i]:match "^[^=]*" == key then table.remove(words, i) end
    end
    words[#words + 1] = word
  end
  return train.fit(tiny.recipe(name, dir, out, words))
end

-- log.csv as a list of rows by name.
local function rows(dir)
  local names, out = nil, {}
  for line in io.lines(dir .. "/log.csv") do
    local row, i = {}, 0
    for value in (line .. ","):gmatch "([^,]*)," do
      i = i + 1
      if names then row[names[i]] = tonumber(value) or value end
      if not names then row[i] = value end
    end
    if names then out[#out + 1] = row else names = row end
  end
  return out
end

-- What a method that has no say would have learnt.
local function plain(dir)
  return tiny.weights(fit(dir, "baseline", "plain", { "lambda.max=0" }))
end

t.test("each runs with finite terms and moves the student", function()
  local dir = t.tmpdir()
  local alone = plain(dir)
  for _, name in ipairs(NAMES) do
    local more = {}
    if name == "fixmatch" or name == "unimatch" then more[1] = "method.threshold=0.5" end
    if name == "uamt" then more[1] = "method.ramp=1" end
    local run = fit(dir, name, name, more)
    t.eq(run.numbers.step, 24, name)
    t.ne(tiny.weights(run), alone, name .. ": its term changes the student")
    local all, sum = rows(dir .. "/" .. name), 0
    for _, row in ipairs(all) do
      if row.phase ~= "warmup" then
        t.eq(type(row.con), "number", name .. ": L_con in step " .. row.step)
        sum = sum + row.con
      end
    end
    t.ok(sum > 0, name .. ": L_con is 0 throughout")
    if name == "dan" then t.ok(all[10].critic > 0) end
    if name == "semisam_mt" then t.ok(all[10].rs ~= "" and all[10].conf == 1) end
    t.ok(ss.fs.exists(dir .. "/" .. name .. "/test/summary.json"), name)
  end
end, LIVE)

t.test("lambda.max = 0 is the supervised loss of the method, the same for those without one", function()
  local dir = t.tmpdir()
  local alone = plain(dir)
  for _, name in ipairs { "ict", "fixmatch", "dan", "entropy", "ad_mt" } do
    t.eq(tiny.weights(fit(dir, name, name, { "lambda.max=0" })), alone, name)
  end
end, LIVE)

t.test("those with parts of their own repeat and resume bit for bit", function()
  local dir = t.tmpdir()
  for _, name in ipairs { "cps", "dan", "ad_mt", "semisam_mt" } do
    local a = fit(dir, name, name .. "-a")
    local cfg = tiny.recipe(name, dir, name .. "-b", SHORT)
    -- as if it had been stopped after 12 steps: what came later is gone
    local b = train.fit(cfg)
    t.eq(tiny.weights(a), tiny.weights(b), name .. ": again")
    b.place.lock:close()
    local folder = dir .. "/" .. name .. "-b"
    local kept
    for _, file in ipairs(ss.fs.list(folder)) do
      local step = tonumber(file:match "^state%-(%d+)%.safetensors$")
      if step == 24 then ss.fs.remove(folder .. "/" .. file) elseif step then kept = step end
    end
    t.eq(kept, 21, name)
    local again = tiny.recipe(name, dir, name .. "-b", SHORT)
    again.out, again.resume = "", folder
    t.eq(tiny.weights(train.fit(again)), tiny.weights(a), name .. ": resumed")
    t.eq(tiny.log(folder), tiny.log(dir .. "/" .. name .. "-a"), name)
  end
end, LIVE)

t.test("a recipe that does not go with its method is refused", function()
  local dir = t.tmpdir()
  local function refused(name, words, why)
    t.raises(function() fit(dir, name, "x", words) end, why, name)
  end
  refused("ict", { "batch.unlabelled=1" }, "batch.unlabelled must be at least 2")
  refused("bcp", { "batch.unlabelled=1" }, "must be equal")
  refused("urpc", { "student.deep=false" }, "set student.deep = true")
  refused("dtc", { "student.sdf=false" }, "set student.sdf = true")
  refused("mc_net", { "student.decoders={transposed}" }, "set student.decoders")
  refused("fixmatch", { "method.from=nobody" }, "student or ema, got nobody")
  refused("baseline", { "method={pi_model}" }, "no method is called \"pi_model\"")
  refused("baseline", { "loss.roi=box" }, "loss.roi' should be one of none, dilate, got box")
  refused("baseline", { "pseudo.empty=guess" }, "pseudo.empty should be one of skip, centre, got guess")
  refused("baseline", { "phases.finetune.teacher=gone" }, "should be frozen or continue, got gone")
  local cfg = tiny.recipe("baseline", dir, "x", SHORT)
  cfg.strong = { require("semisam.data.augment").flip {} }
  t.raises(function() train.fit(cfg) end, "aug.flip moves voxels; it belongs to 'weak'")
end, LIVE)

t.done()
