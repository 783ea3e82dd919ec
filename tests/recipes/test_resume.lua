-- A run killed at any moment and continued ends as the uninterrupted one, bit for bit.
local t = require "tests.lib.t"
local ss = require "semisam"
local rng = require "semisam.rng"
local tiny = require "tests.lib.tiny"

local program = os.getenv("SEMISAM") or "build/dev/semisam"
local LONGER = {
  "phases.semi.epochs=10", "phases.finetune.epochs=4", "every={validate=2, checkpoint=4}",
  "quiet=true", "pseudo.jitter=true",
}

local function quoted(words)
  local out = {}
  for i, w in ipairs(words) do out[i] = "'" .. w .. "'" end
  return table.concat(out, " ")
end

-- Runs the recipe; with `seconds` it gets the signal after that time. Returns the exit status.
local function launch(words, seconds, signal)
  local prefix = seconds and ("timeout -s %s %.2f "):format(signal or "KILL", seconds) or ""
  local ok, how, code = os.execute(("%s%s recipes/semi_sam_plus.lua %s >/dev/null 2>&1"):format(prefix,
    program, quoted(words)))
  return ok and 0 or how == "signal" and 128 + code or code
end

local function last_state(dir)
  local last
  for _, name in ipairs(ss.fs.list(dir)) do
    if name:find("^state%-.*%.safetensors$") then last = dir .. "/" .. name end
  end
  return last
end

local function resume_words(dir, out)
  local more = table.move(LONGER, 1, #LONGER, 1, {})
  more[#more + 1] = "out="
  more[#more + 1] = "resume=" .. dir .. "/" .. out
  return tiny.words(dir, out, more)
end

local function same_end(dir, a, b)
  t.eq(ss.fs.hash(last_state(dir .. "/" .. b)), ss.fs.hash(last_state(dir .. "/" .. a)), "final state")
  t.eq(tiny.log(dir .. "/" .. b), tiny.log(dir .. "/" .. a), "log.csv")
  t.eq(ss.fs.read(dir .. "/" .. b .. "/validation.csv"), ss.fs.read(dir .. "/" .. a .. "/validation.csv"))
  t.eq(ss.fs.read(dir .. "/" .. b .. "/test/metrics.csv"), ss.fs.read(dir .. "/" .. a .. "/test/metrics.csv"))
end

t.test("resume needs the words of the command line no second time, and takes other ones", function()
  local dir = t.tmpdir()
  t.eq(launch(tiny.words(dir, "whole")), 0)
  t.eq(launch(tiny.words(dir, "cut")), 0)
  for _, name in ipairs(ss.fs.list(dir .. "/cut")) do -- as if its last phase had not been
    if name:find "^state%-0*12%." then ss.fs.remove(dir .. "/cut/" .. name) end
  end
  t.eq(launch { "resume=" .. dir .. "/cut", "watch.cases=0" }, 0)
  same_end(dir, "whole", "cut")
  t.eq(launch { "resume=" .. dir .. "/cut", "seed=5" }, 78)
end)

t.test("kill -9 at random moments", function()
  local dir = t.tmpdir()
  local begun = os.time()
  t.eq(launch(tiny.words(dir, "whole", LONGER)), 0)
  local seconds = math.max(2, os.time() - begun)
  local r, kills = rng { seed = os.time(), purpose = "kills" }, 0
  local status = launch(tiny.words(dir, "killed", LONGER), r:number(0.3, 0.5) * seconds)
  if not ss.fs.exists(dir .. "/killed/recipe.lua") then t.skip("the first kill came before the run began") end
  while status ~= 0 do
    kills = kills + 1
    t.ok(status == 137, ("status %d"):format(status))
    -- after some kills it may finish, so that a slow machine ends too
    status = launch(resume_words(dir, "killed"), kills < 5 and r:number(0.2, 0.6) * seconds or nil)
  end
  t.ok(kills > 0, "the run was never killed")
  same_end(dir, "whole", "killed")
end)

t.test("SIGTERM saves and stops; the same words with resume go on", function()
  local dir = t.tmpdir()
  t.eq(launch(tiny.words(dir, "whole", LONGER)), 0)
  local words = tiny.words(dir, "stopped", LONGER)
  local tries, status = 0
  repeat -- wait for the first step, then ask it to stop
    tries = tries + 1
    ss.fs.remove(dir .. "/stopped", { tree = true })
    local pipe = io.popen(("%s recipes/semi_sam_plus.lua %s >/dev/null 2>&1 & p=$!; for i in $(seq 600); do "
      .. "[ $(wc -l <'%s/stopped/log.csv' 2>/dev/null || echo 0) -ge 4 ] && break; sleep 0.05; done; "
      .. "kill -TERM $p; wait $p; echo $?"):format(program, quoted(words), dir))
    status = tonumber(pipe:read("n"))
    pipe:close()
  until status ~= 0 or tries == 3
  t.eq(status, 143)
  t.eq(launch(resume_words(dir, "stopped")), 0)
  same_end(dir, "whole", "stopped")
end)

t.test("two processes on one run; another recipe; no run there", function()
  local dir = t.tmpdir()
  t.eq(launch(tiny.words(dir, "a", LONGER)), 0)
  local lock = t.ok(ss.fs.lock(dir .. "/a/lock"))
  t.eq(launch(resume_words(dir, "a")), 73)
  lock:close()
  local other = resume_words(dir, "a")
  other[#other + 1] = "lambda.max=0.5"
  t.eq(launch(other), 78)
  t.eq(launch(resume_words(dir, "none")), 66)
  t.eq(launch(resume_words(dir, "a")), 0, "a finished run is evaluated again, no more")
end)

t.done()
