-- The command line itself: words, options, scripts, exit statuses, signals.
local t = require "tests.lib.t"
local run = require "tests.lib.run"

t.test("version and help", function()
  local r = run.semisam { "--version" }
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "^semisam %d+%.%d+%.%d+\n$")
  for _, args in ipairs { { "help" }, { "--help" }, { "-h" } } do
    r = run.semisam(args)
    t.eq({ r.status, r.err }, { 0, "" })
    t.match(r.out, "usage: semisam")
    t.match(r.out, "\n  doctor +%l")
  end
  t.match(run.semisam { "help", "doctor" }.out, "^usage: semisam doctor")
  t.eq(run.semisam { "doctor", "--help" }.out, run.semisam { "help", "doctor" }.out)
end)

t.test("wrong words are refused with the nearest right one", function()
  run.refuses(t, { "docter" }, 2, "no command 'docter'; did you mean 'doctor'%?")
  run.refuses(t, { "zzzzzzzz" }, 2, "no command 'zzzzzzzz'; see `semisam help`")
  run.refuses(t, { "help", "inspct" }, 2, "did you mean 'inspect'%?")
  run.refuses(t, { "--tracee" }, 2, "unknown option '%-%-tracee'; did you mean '%-%-trace'")
  run.refuses(t, { "-x" }, 2, "unknown option '%-x'")
  run.refuses(t, { "--threads" }, 2, "%-%-threads needs a value")
  for _, n in ipairs { "0", "-1", "1e9", "abc", "1.5", "" } do
    run.refuses(t, { "--threads", n, "-e", "print(1)" }, 2, "%-%-threads expects a whole number from 1")
  end
  run.refuses(t, { "doctor", "verbos=true" }, 2, "doctor: unknown option 'verbos'")
  run.refuses(t, { "doctor", "--what" }, 2, "doctor: unknown option 'what'")
  run.refuses(t, { "doctor", "-q" }, 2, "doctor: unknown option '%-q'")
  run.refuses(t, { "doctor", "stray" }, 2, "doctor: unexpected 'stray'")
  run.refuses(t, { ("x"):rep(100000) }, 2, "no command 'x+'")
  run.refuses(t, { "" }, 2, "no command ''")
  run.refuses(t, { "a\nb" }, 2, "no command 'a b'")
end)

t.test("scripts that cannot be run", function()
  local dir = t.tmpdir()
  local function file(name, text) return run.write(dir .. "/" .. name, text) end
  run.refuses(t, { dir .. "/none.lua" }, 66, "none.lua: no such file")
  run.refuses(t, { dir }, 66, "expected a Lua file, got a folder")
  run.refuses(t, { "/dev/null" }, 66, "expected a Lua file, got a other")
  run.refuses(t, { file("syntax.lua", "local x = = 1\n") }, 78, "syntax%.lua:1: unexpected symbol near '='")
  run.refuses(t, { file("binary.lua", string.dump(function() end)) }, 78, "precompiled chunks are refused")
  run.refuses(t, { file("number.lua", "return 42") }, 78,
    "expected a recipe %(a table%) or nothing, got a number")
  run.refuses(t, { file("raise.lua", "\nerror('broken')") }, 1, "raise%.lua:2: broken")
  run.refuses(t, { file("typo.lua", "prin('x')") }, 1, "undeclared name 'prin'; did you mean 'print'%?")
  run.refuses(t, { file("global.lua", "x = 3") }, 1, "undeclared name 'x'; write `local x`")
  run.refuses(t, { file("deep.lua", "return " .. ("("):rep(1e5)) }, 78, "deep.lua: .*overflow")
  run.refuses(t, { file("loop.lua", "local function f() return 1 + f() end f()") }, 1, "stack overflow")
  run.refuses(t, { file("object.lua", "error({})") }, 1, "table")
  run.refuses(t, { file("req.lua", "require 'nothing.of.the.kind'") }, 1,
    "module 'nothing.of.the.kind' not found")
  run.refuses(t, { file("req2.lua", "require '../../etc/passwd'") }, 1, "not found")
end)

t.test("scripts run with their arguments, beside their modules", function()
  local dir = t.tmpdir()
  run.write(dir .. "/helper.lua", "return { double = function(x) return 2 * x end }")
  local script = run.write(dir .. "/s.lua", "#!/usr/bin/env semisam\n" ..
    "local h = require 'helper' print(h.double(tonumber((...))), arg[2], select('#', ...))")
  local r = run.semisam { script, "21", "b c" }
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "^42\tb c\t2\n$")
  r = run.shell("cd " .. run.quote(dir) .. " && cp s.lua t.lua && \"$S\" t.lua 1 x",
    { stdin = "" })
  t.eq(r.status, run.program:sub(1, 1) == "/" and 0 or r.status)
  r = run.semisam { run.write(dir .. "/bom.lua", "\xEF\xBB\xBFprint 'bom'") }
  t.eq({ r.status, r.out }, { 0, "bom\n" })
end)

t.test("a module that does not compile says so", function()
  local dir = t.tmpdir()
  run.write(dir .. "/bad.lua", "return +")
  run.write(dir .. "/compiled.lua", string.dump(function() end))
  run.refuses(t, { run.write(dir .. "/a.lua", "require 'bad'") }, 1, "module 'bad': .*bad%.lua:1:")
  run.refuses(t, { run.write(dir .. "/b.lua", "require 'compiled'") }, 1, "attempt to load a binary chunk")
end)

t.test("modules are searched beside the script, above it, in SEMISAM_PATH, in this order", function()
  local dir = t.tmpdir()
  os.execute(("mkdir -p '%s/top/sub' '%s/path1' '%s/path2/pkg'"):format(dir, dir, dir))
  local script = run.write(dir .. "/top/sub/s.lua",
    "print((require 'here'), (require 'above'), (require 'pkg'))")
  run.write(dir .. "/top/sub/here.lua", "return 'sub'")
  run.write(dir .. "/top/here.lua", "return 'top'")
  run.write(dir .. "/top/above.lua", "return 'top'")
  run.write(dir .. "/path1/above.lua", "return 'path1'")
  run.write(dir .. "/path2/pkg/init.lua", "return 'path2'")
  local r = run.shell(("SEMISAM_PATH='%s/path1:%s/path2' \"$S\" '%s'"):format(dir, dir, script))
  t.eq({ r.status, r.out, r.err }, { 0, "sub\ttop\tpath2\n", "" })
  r = run.semisam { script }
  t.eq(r.status, 1)
  t.match(r.err, "module 'pkg' not found")
end)

t.test("-e, --trace", function()
  t.eq(run.semisam { "-e", "print(1 + 1)" }.out, "2\n")
  run.refuses(t, { "-e", "print(" }, 2, "command line")
  local r = run.semisam { "--trace", "-e", "local function deep() error('x') end deep()" }
  t.eq(r.status, 1)
  t.match(r.err, "traceback")
  t.match(r.err, "in upvalue 'deep'" and "deep")
end)

t.test("exit statuses of signals", function()
  for sig, status in pairs { INT = 130, TERM = 143, HUP = 129 } do
    -- A shell without job control starts background jobs with SIGINT ignored: env resets it.
    local r = run.shell(("env --default-signal=INT \"$S\" -e 'while true do end' & p=$!; " ..
      "sleep 0.7; kill -%s $p; wait $p"):format(sig))
    t.eq({ r.status, r.err }, { status, "semisam: interrupted\n" }, sig)
  end
end)

t.test("a second signal ends a program that does not listen", function()
  local r = run.shell("env --default-signal=INT \"$S\" -e 'while true do " ..
    "pcall(function() while true do end end) end' & p=$!; " ..
    "sleep 0.7; kill -INT $p; sleep 0.2; kill -INT $p; wait $p")
  t.eq(r.status, 130)
end)

t.test("a reader that goes away is no crash", function()
  local r = run.shell("\"$S\" -e 'for i = 1, 100000 do print(i) end' | head -n 1; true")
  t.eq({ r.status, r.out, r.err }, { 0, "1\n", "" })
  r = run.shell("\"$S\" -e 'print(1)' >/dev/full")
  t.eq(r.status, 74)
  t.match(r.err, "^semisam: standard output could not be written\n$")
end)

t.test("waiting threads give up their core soon, unless somebody decided otherwise", function()
  local function spins(set)
    return run.shell(("env -u GOMP_SPINCOUNT -u OMP_WAIT_POLICY %s \"$S\" -e "
      .. "'print(os.getenv \"GOMP_SPINCOUNT\")' "):format(set)).out
  end
  t.eq({ spins "", spins "GOMP_SPINCOUNT=7", spins "OMP_WAIT_POLICY=active" },
    { "5000\n", "7\n", "nil\n" })
end)

t.test("a weight file that is shortened while in use ends the program with a sentence", function()
  local path = t.tmpdir() .. "/net.safetensors"
  local r = run.shell(([["$S" -e 'local ss, nn = require "semisam", require "semisam.nn"
    local weights = require "semisam.weights"
    local function net() return nn.linear(1024, 1024) end
    local state = net():state()
    ss.safetensors_write("%s", { weight = state.weight, bias = state.bias })
    local n = net()
    weights.load(n, "%s")
    io.open("%s", "w"):close()
    print(n(ss.ones { 4, 1024 }):sum():item())']]):format(path, path, path))
  t.eq({ r.status, r.out, r.err }, { 74, "", ("semisam: %s: was changed while its weights were in use; "
    .. "replace such files by renaming\n"):format(path) })
end)

t.test("closed standard streams are no crash", function()
  t.eq(run.shell("\"$S\" -e 'local x = 1' <&- >&- 2>&-").status, 0)
  t.eq(run.shell("\"$S\" nothing <&- >&- 2>&-").status, 2)
end)

t.done()
