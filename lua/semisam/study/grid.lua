-- study/grid.lua — makes the runs of a study, each as a process of its own. Finished ones are kept,
-- interrupted ones go on, a failed one is named and the rest goes on.
--
-- OUT/study.json remembers of every run the words it was made with, its seconds and its status.
local duration = require("semisam.train.log").duration
local fail = require "semisam.fail"
local ss = require "semisam"
local system = require "semisam.system"

local grid = {}

local LOST = 5 -- seconds after which a process that is gone without a status counts as failed

local function quoted(word) return "'" .. tostring(word):gsub("'", "'\\''") .. "'" end

-- ---- what is remembered --------------------------------------------------------

local function book_path(cfg) return cfg.out .. "/study.json" end

local function read_book(cfg)
  if not ss.fs.exists(book_path(cfg)) then return {} end
  return ss.json.decode(ss.fs.read(book_path(cfg))).runs
end

local function write_book(cfg, book)
  ss.fs.write(book_path(cfg), ss.json.encode({ runs = book }, { indent = 2 }) .. "\n")
end

local function finished(run) return ss.fs.exists(run.dir .. "/test/summary.json") end
grid.finished = finished

-- Runs of other settings must not stand in one table.
local function check_words(runs, book)
  for _, run in ipairs(runs) do
    local old = book[run.name] and book[run.name].words
    local words = table.concat(run.words, " ")
    if old and old ~= words and ss.fs.exists(run.dir) then
      fail.recipe("study: %s was made with other words; remove it or choose another out.\n"
        .. "  then: %s\n  now:  %s", run.dir, old, words)
    end
  end
end

-- Seconds that a run may take, from those of its arm, of its recipe, of any; nil without one.
local function expected(run, runs, book)
  local function mean_of(like)
    local sum, n = 0, 0
    for _, other in ipairs(runs) do
      local b = book[other.name]
      if b and b.status == 0 and b.seconds and like(other) then
        sum, n = sum + b.seconds, n + 1
      end
    end
    return n > 0 and sum / n or nil
  end
  return mean_of(function(o) return o.arm == run.arm end)
    or mean_of(function(o) return o.arm.recipe == run.arm.recipe end)
    or mean_of(function() return true end)
end

-- "5 of 36 runs done, about 1h10m left".
local function progress(cfg, runs, book)
  local done, left = 0, 0
  for _, run in ipairs(runs) do
    if finished(run) then
      done = done + 1
    else
      local s = left and expected(run, runs, book)
      left = s and left + s or nil
    end
  end
  local text = ("%d of %d runs done"):format(done, #runs)
  if not left then return text end
  return ("%s, about %s left"):format(text, duration(left / math.max(1, cfg.jobs)))
end

-- ---- processes -----------------------------------------------------------------

-- A folder that was made but holds no checkpoint yet is begun again.
local function clear_unborn(dir)
  if not ss.fs.exists(dir) then return end
  for _, name in ipairs(ss.fs.list(dir)) do
    if name:find("^state%-") then return end
  end
  ss.fs.remove(dir, { tree = true })
end

-- The process leaves the terminal's group: Ctrl-C reaches the study, which tells its runs once.
local function command(cfg, run)
  local words = {
    quoted(ss.fs.realpath("/proc/self/exe")), "--threads", tostring(cfg.threads),
    quoted(run.arm.file), "quiet=true",
    quoted((ss.fs.exists(run.dir) and "resume=" or "out=") .. run.dir),
  }
  for _, word in ipairs(run.words) do words[#words + 1] = quoted(word) end
  local script = ("%s >>%s 2>&1 </dev/null & echo $! >%s; wait $!; echo $? >%s"):format(
    table.concat(words, " "), quoted(run.dir .. ".log"), quoted(run.dir .. ".pid"),
    quoted(run.dir .. ".status"))
  local apart = os.execute("command -v setsid >/dev/null 2>&1") and "exec setsid " or "exec "
  return apart .. "sh -c " .. quoted(script)
end

local function text_of(path)
  return ss.fs.exists(path) and ss.fs.read(path) or ""
end

local function begin(cfg, run)
  clear_unborn(run.dir)
  ss.fs.remove(run.dir .. ".status")
  ss.fs.remove(run.dir .. ".pid")
  return { run = run, pipe = io.popen(command(cfg, run), "w"), begun = system.clock() }
end

-- The exit status of a process, nil while it works.
local function status_of(job)
  local status = text_of(job.run.dir .. ".status"):match("%d+")
  if status then return tonumber(status) end
  local pid = text_of(job.run.dir .. ".pid"):match("%d+")
  local gone = pid and not system.kind("/proc/" .. pid)
  if not gone and not (system.clock() - job.begun > LOST and not pid) then
    job.gone = nil
    return nil
  end
  job.gone = job.gone or system.clock()
  return system.clock() - job.gone > LOST and -1 or nil
end

-- What a run that has ended is remembered and told by.
local function report(cfg, job, status, book)
  local run = job.run
  job.pipe:close()
  ss.fs.remove(run.dir .. ".status")
  ss.fs.remove(run.dir .. ".pid")
  if system.signal() and status ~= 0 then
    print("stopped " .. run.dir)
    return
  end
  if status == 0 and not finished(run) then status = 1 end
  local entry = { words = table.concat(run.words, " "), status = status,
    seconds = system.clock() - job.begun }
  book[run.name] = entry
  write_book(cfg, book)
  if status == 0 then
    local s = ss.json.decode(ss.fs.read(run.dir .. "/test/summary.json"))
    print(("done    %s  Dice %.3f  %s"):format(run.dir, s.foreground_mean.Dice,
      duration(entry.seconds)))
    return
  end
  local log = run.dir .. ".log"
  entry.message = text_of(log):match("([^\n]*)\n?$")
  print(("failed  %s  status %d: %s (%s)"):format(run.dir, status, entry.message, log))
end

-- Asks every run once to write a checkpoint and end.
local function stop(running)
  for _, job in ipairs(running) do
    local pid = not job.told and text_of(job.run.dir .. ".pid"):match("%d+")
    if pid then job.told = os.execute("kill -TERM " .. pid .. " 2>/dev/null") end
  end
end

-- Waits until at most `most` runs go on, or a signal comes. Whichever ends first makes room.
local function wait(cfg, running, most, book, ended)
  while #running > most do
    for i = #running, 1, -1 do
      local status = status_of(running[i])
      if status then
        local job = table.remove(running, i)
        report(cfg, job, status, book)
        ended(job.run)
      end
    end
    if system.signal() and most > 0 then return end
    if system.signal() then stop(running) end
    if #running > most then system.sleep(0.2) end
  end
end

local function missing(runs)
  local out = {}
  for _, run in ipairs(runs) do
    if not finished(run) then out[#out + 1] = run end
  end
  return out
end

local function failures(runs, book)
  local out = {}
  for _, run in ipairs(runs) do
    local b = book[run.name]
    if not finished(run) and b and b.status ~= 0 then
      out[#out + 1] = { run = run, status = b.status, message = b.message or "" }
    end
  end
  return out
end

--- Makes what is missing, `jobs` at a time, in the order of the plan; jobs = 0 makes nothing.
---@param cfg table recipes/study.lua
---@param plan table of study/arms.lua
---@param ended fun(run: table) called after every run
---@return table[] failed { run, status, message }
---@return integer? status the exit status when a signal asked to stop
function grid.run(cfg, plan, ended)
  local book, running = read_book(cfg), {}
  check_words(plan.runs, book)
  if cfg.jobs < 1 then return failures(plan.runs, book) end
  system.hold(true)
  for _, run in ipairs(missing(plan.runs)) do
    if system.signal() then break end
    print(("begin   %s  (%s)"):format(run.dir, progress(cfg, plan.runs, book)))
    io.stdout:flush()
    running[#running + 1] = begin(cfg, run)
    wait(cfg, running, cfg.jobs - 1, book, ended)
  end
  wait(cfg, running, 0, book, ended)
  system.hold(false)
  local name, number = system.signal()
  if name then print("interrupted; the same command goes on") end
  return failures(plan.runs, book), name and 128 + number or nil
end

return grid
