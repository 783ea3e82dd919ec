-- Runs of the shrunken recipe as processes of their own, to be killed, stopped and continued.
local ss = require "semisam"
local rng = require "semisam.rng"
local tiny = require "tests.lib.tiny"

local kill = {}

kill.program = os.getenv("SEMISAM") or "build/dev/semisam"

-- 45 steps that write much: a checkpoint every 4 steps, a report at every validation.
local LONGER = {
  "phases.semi.epochs=10", "phases.finetune.epochs=4", "every={validate=2, checkpoint=4}",
  "quiet=true", "pseudo.jitter=true",
}

---The command line of a run below `dir`, quoted. `resume` goes on with the one of that name.
function kill.line(dir, name, more, resume)
  local words = table.move(LONGER, 1, #LONGER, 1, {})
  table.move(more or {}, 1, #(more or {}), #words + 1, words)
  if resume then
    words[#words + 1] = "out="
    words[#words + 1] = "resume=" .. dir .. "/" .. name
  end
  local out = {}
  for i, w in ipairs(tiny.words(dir, name, words)) do out[i] = "'" .. w .. "'" end
  return ("%s --threads 1 recipes/semi_sam_plus.lua %s"):format(kill.program, table.concat(out, " "))
end

---Begins or goes on with a run; killed after `seconds` if given. Returns the exit status.
function kill.launch(dir, name, more, seconds)
  local resume = ss.fs.exists(("%s/%s/recipe.lua"):format(dir, name))
  local prefix = seconds and ("timeout -s KILL %.3f "):format(seconds) or ""
  local ok, how, code = os.execute(prefix .. kill.line(dir, name, more, resume) .. " >/dev/null 2>&1")
  return ok and 0 or how == "signal" and 128 + code or code
end

---The newest checkpoint of a run, nil if there is none.
function kill.last_state(dir)
  local last
  for _, name in ipairs(ss.fs.exists(dir) and ss.fs.list(dir) or {}) do
    if name:find("^state%-.*%.safetensors$") then last = dir .. "/" .. name end
  end
  return last
end

---Names of what differs between the ends of two runs: weights, log, validation, test results.
function kill.differences(a, b)
  local out = {}
  local function same(what, x, y)
    if x ~= y then out[#out + 1] = what end
  end
  same("state", ss.fs.hash(kill.last_state(a)), ss.fs.hash(kill.last_state(b)))
  same("log.csv", tiny.log(a), tiny.log(b))
  for _, name in ipairs { "best.safetensors", "validation.csv", "test/metrics.csv" } do
    same(name, ss.fs.read(a .. "/" .. name), ss.fs.read(b .. "/" .. name))
  end
  return out
end

---Kills runs `count` times at random moments, continues each time, and compares every run that
---comes to its end with one that was left alone.
---@param dir string
---@param count integer
---@param say fun(text: string)
---@return string[] differences
---@return integer runs compared
function kill.often(dir, count, say)
  local clock = require("semisam.system").clock
  if kill.launch(dir, "whole") ~= 0 then error("the uninterrupted run failed") end
  local begun = clock()
  kill.launch(dir, "timed")
  local seconds, r = clock() - begun, rng { seed = os.time(), purpose = "kills" }
  local kills, runs, wrong = 0, 0, {}
  repeat
    local name = ("killed-%d"):format(runs + 1)
    local own = 0
    repeat
      -- a run that was killed 12 times may end, so that a slow machine does
      local after = kills < count and own < 12 and r:number(0, 0.7) * seconds or nil
      local status = kill.launch(dir, name, nil, after)
      if status == 137 then
        kills, own = kills + 1, own + 1
      elseif status ~= 0 then
        return { ("%s: status %d after %d kills"):format(name, status, kills) }, runs
      end
    until status == 0
    runs = runs + 1
    for _, what in ipairs(kill.differences(dir .. "/whole", dir .. "/" .. name)) do
      wrong[#wrong + 1] = name .. ": " .. what
    end
    say(("%d of %d kills, %d runs compared, %d differences"):format(kills, count, runs, #wrong))
    if own > 0 then ss.fs.remove(dir .. "/" .. name, { tree = true }) end
  until kills >= count
  return wrong, runs
end

return kill
