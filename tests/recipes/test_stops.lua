-- How a run ends before its end: killed, asked to stop, on a full disk, out of memory.
local t = require "tests.lib.t"
local ss = require "semisam"
local kill = require "tests.lib.kill"
local system = require "semisam.system"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"
local validate = require "semisam.train.validate"

local LIVE = { leaks = false } -- the networks of a run live as long as its table

-- Runs lines of bash with job control: without it a job in the background ignores Ctrl-C. The last
-- line printed is the result.
local function shell(text)
  local path = os.tmpname()
  ss.fs.write(path, "set -m\n" .. text)
  local pipe = io.popen(("timeout 300 bash %s 2>/dev/null"):format(path))
  local out = pipe:read("a")
  pipe:close()
  os.remove(path)
  return out
end

-- Shell lines: wait until a file matching the pattern is there (30 s at most).
local function wait_for(pattern)
  return ("for i in $(seq 1200); do ls %s >/dev/null 2>&1 && break; sleep 0.05; done\n"):format(pattern)
end

t.test("kill -9 at 5 random moments", function()
  local dir = t.tmpdir()
  local wrong, runs = kill.often(dir, 5, function() end)
  t.eq(wrong, {})
  t.ok(runs > 0)
end)

t.test("Ctrl-C and SIGTERM save and end with 130 and 143; resume goes on bit for bit", function()
  local dir = t.tmpdir()
  t.eq(kill.launch(dir, "whole"), 0)
  for name, number in pairs { INT = 130, TERM = 143 } do
    local run = dir .. "/" .. name
    local out = shell(kill.line(dir, name) .. " &\np=$!\n" .. wait_for(run .. "/state-*")
      .. ("kill -%s $p\nwait $p\necho $?"):format(name))
    t.eq(tonumber(out), number, name)
    t.match(ss.fs.read(run .. "/report.html"), "interrupted at step")
    t.eq(kill.launch(dir, name), 0)
    t.eq(kill.differences(dir .. "/whole", run), {}, name)
    local page = ss.fs.read(run .. "/report.html")
    t.match(page, ">finished, ")
    t.match(page, "Test cases.*<svg.*data:image/png;base64,.*every setting resolved")
  end
end)

t.test("a second Ctrl-C ends at once; the checkpoint before it is whole", function()
  local dir = t.tmpdir()
  -- steps of seconds, so that the second signal comes before the first one's step is over
  local slow = { "student={unet3d, base=24, levels=2}", "every={validate=100, checkpoint=1}",
    "data.phantoms={train=6, labelled=2, val=2, test=2, size={48,48,48}, seed=3, family=target}" }
  local run = dir .. "/run"
  local out = shell(kill.line(dir, "run", slow) .. " &\np=$!\n" .. wait_for(run .. "/state-*")
    .. "sleep 0.1; kill -INT $p; sleep 0.1; ls " .. run .. "/state-* | wc -l; kill -INT $p\n"
    .. "s=$(date +%s%N); wait $p; echo $? $(( ($(date +%s%N) - s) / 1000000 ))")
  local before, status, ms = out:match("(%d+)%s+(%d+) (%d+)%s*$")
  t.eq(tonumber(status), 130, out)
  t.ok(tonumber(ms) < 500, ms .. " ms")
  local states = 0
  for _, name in ipairs(ss.fs.list(run)) do states = states + (name:find("^state%-") and 1 or 0) end
  t.eq(states, tonumber(before), "the step was not waited for")
  local file = ss.safetensors_read(kill.last_state(run))
  t.ok(file.metadata.semisam)
end, LIVE)

t.test("a signal during a validation: saved before it, which is done again", function()
  local dir = t.tmpdir()
  local words = { "quiet=true", "phases.semi.epochs=4" }
  local function fit(name, more)
    local all = table.move(more or {}, 1, #(more or {}), #words + 1, table.move(words, 1, #words, 1, {}))
    return train.fit(tiny.recipe("semi_sam_plus", dir, name, all))
  end
  local whole = fit("whole")
  local run, signal, calls = validate.run, system.signal, 0
  validate.run = function(...)
    calls = calls + 1
    if calls == 5 then system.signal = function() return "TERM", 15 end end
    return run(...)
  end
  local ok, _, status = pcall(fit, "a")
  validate.run, system.signal = run, signal
  t.ok(ok)
  t.eq(status, 143)
  t.eq(select(2, ss.fs.read(dir .. "/a/validation.csv"):gsub("\n", "")), 3, "header and two rows")
  local again = fit("a", { "out=", "resume=" .. dir .. "/a" })
  t.eq(tiny.weights(again), tiny.weights(whole))
  t.eq(kill.differences(dir .. "/whole", dir .. "/a"), {})
end, LIVE)

-- Shell lines: a run whose disk, mounted at `dir`, is filled after the first checkpoint; then the
-- space comes back.
local function full_disk(dir, err)
  local run = dir .. "/run"
  return kill.line(dir, "run") .. " 2>" .. err .. " &\np=$!\n" .. wait_for(run .. "/state-*")
    .. ("dd if=/dev/zero of=%s/fill bs=64k 2>/dev/null\nwait $p\necho status $?\n"):format(dir)
    .. ("rm -f %s/fill\ncat %s\nls -A %s | grep -c tmp-\n"):format(dir, err, run)
    .. kill.line(dir, "run", nil, true) .. "\necho again $?\n"
end

t.test("a full disk: one sentence, status 74, the checkpoint is kept, resume goes on", function()
  local dir, mount = t.tmpdir(), t.tmpdir()
  local enter = "unshare -m bash -c 'mount -t tmpfs -o size=3m tmpfs " .. mount .. "'"
  if not os.execute(enter .. " 2>/dev/null") then t.skip("no tmpfs can be mounted here (needs root)") end
  t.eq(kill.launch(dir, "whole"), 0)
  local script = dir .. "/script"
  local lines = full_disk(mount, dir .. "/err") -- writes the generalist, which moves to the new disk
  ss.fs.write(script, ("set -m\ncp %s/*.safetensors %s\nmount -t tmpfs -o size=3m tmpfs %s\n"
    .. "cp %s/*.safetensors %s\n"):format(mount, dir, mount, dir, mount) .. lines
    .. ("cp -r %s/run %s/run\n"):format(mount, dir))
  local pipe = io.popen("timeout 300 unshare -m bash " .. script .. " 2>&1")
  local out = pipe:read("a")
  pipe:close()
  t.match(out, "status 74\n")
  -- whichever file came first: one written as a whole, or a line of log.csv
  t.ok(out:find("semisam: [^\n]*: the disk is full: %d+ bytes are needed, %d+ are free")
    or out:find("semisam: [^\n]*log%.csv: cannot be written: No space left on device"), out)
  t.match(out, "\n0\nagain 0", "no half file is left")
  t.eq(kill.differences(dir .. "/whole", dir .. "/run"), {})
end)

t.test("a limit on the size of files is an error of the write, not the end of the process", function()
  local dir = t.tmpdir()
  local out = shell("ulimit -f 48\n" .. kill.line(dir, "run") .. " 2>" .. dir .. "/err\necho $?")
  t.eq(tonumber(out), 74, out)
  t.match(ss.fs.read(dir .. "/err"), "^semisam: [^\n]+\n$")
  for _, name in ipairs(ss.fs.list(dir .. "/run")) do t.ok(not name:find("tmp%-"), name) end
end)

t.test("max_gb: a sentence with the limit; the run can go on with more", function()
  local dir = t.tmpdir()
  local words = { "quiet=true" }
  local before = ss.memory("cpu").budget
  t.raises(function()
    train.fit(tiny.recipe("semi_sam_plus", dir, "a", { "quiet=true", "max_gb=0.0012" }))
  end, "out of memory on cpu: wanted %d+ bytes.*max_gb is 0%.0012; a smaller data%.patch")
  t.eq(ss.memory("cpu").budget, before)
  words[2], words[3] = "out=", "resume=" .. dir .. "/a"
  collectgarbage()
  t.eq(train.fit(tiny.recipe("semi_sam_plus", dir, "a", words)).numbers.step, 12)
end, LIVE)

t.done()
