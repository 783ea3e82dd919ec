-- kill -9 at random moments of a short run, each followed by `resume`: every run must end with the
-- weights, logs and results of one that was left alone, bit for bit.
--
--   SEMISAM=build/release/semisam build/release/semisam tests/kill_resume.lua 100
local kill = require "tests.lib.kill"
local ss = require "semisam"

local count = math.tointeger(tonumber((...))) or 20
local dir <close> = setmetatable({ path = ss.fs.tmpdir() }, {
  __close = function(d) ss.fs.remove(d.path, { tree = true }) end,
})
local wrong, runs = kill.often(dir.path, count, print)
for _, text in ipairs(wrong) do print("FAIL " .. text) end
print(("%d passed, %d failed"):format(runs, #wrong))
if #wrong > 0 then os.exit(1, true) end
