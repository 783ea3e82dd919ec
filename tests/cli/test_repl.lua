-- The prompt, fed from a pipe. tests/c/test_prompt.c does the same on a terminal.
local t = require "tests.lib.t"
local run = require "tests.lib.run"

local function repl(text) return run.semisam({}, { stdin = text }) end

t.test("expressions are shown, statements are not, a semicolon silences", function()
  local r = repl "1 + 1\nx = 5\nx\nx * 2;\n_\n'a' .. 'b'\nnil\nprint('p')\n"
  t.eq({ r.status, r.err }, { 0, "" })
  t.eq(r.out, "2\n5\n10\n\"ab\"\nnil\np\n")
end)

t.test("several lines", function()
  local r = repl "for i = 1, 2 do\nprint(i)\nend\n\z
    f = function(a)\n\nreturn a + 1\nend\nf(2)\ns = [[x\ny]]\ns\n"
  t.eq({ r.status, r.err }, { 0, "" })
  t.eq(r.out, "1\n2\n3\n\"x\\\ny\"\n")
end)

t.test("errors go on and show in the status", function()
  local r = repl "error('first')\n1 +* 2\nnosuch.field\nprint('alive')\n"
  t.eq({ r.status, r.out }, { 1, "alive\n" })
  t.match(r.err, "^stdin:1: first\n%[?.*unexpected symbol.*\n.*nosuch")
  r = repl "for i = 1, 2 do\n"
  t.eq(r.status, 1)
  t.match(r.err, "<eof>")
  t.eq(repl("").status, 0)
  t.eq(repl("\n\n  \n").status, 0)
end)

t.test("a local at the prompt warns", function()
  local r = repl "local x = 3\n"
  t.match(r.err, "warning: 'local x' ends with its line")
  t.eq(r.status, 0)
end)

t.test("tensors, help, apropos, who", function()
  local r = repl "x = ss.ones{2,3}\nx\nwho()\nhelp 'sum'\nhelp 'smu'\napropos 'random'\nhelp()\nss.config\n"
  t.eq({ r.status, r.err }, { 0, "" })
  t.match(r.out, "f32 %[2, 3%]  cpu  24 B\n  min 1   mean 1")
  t.match(r.out, "\nx +f32 %[2, 3%]  cpu  24 B\n")
  t.match(r.out, "\nsum%(x: any")
  t.match(r.out, "'smu'; did you mean 'sum'%?")
  t.match(r.out, "\nuniform +Uniform random numbers")
  t.match(r.out, "A trailing ; keeps")
end)

t.test("binary garbage, long lines and no newline at the end", function()
  local r = repl("\0\1\255\n" .. "x = " .. ("1 + "):rep(20000) .. "1\nprint(x)\n'end'")
  t.eq(r.status, 1)
  t.match(r.out, "20001\n\"end\"\n$")
end)

t.test("a loaded script first with -i", function()
  local dir = t.tmpdir()
  local script = run.write(dir .. "/s.lua", "rawset(_G, 'loaded', 17)")
  local r = run.semisam({ "-i", script }, { stdin = "loaded\n" })
  t.eq({ r.status, r.out, r.err }, { 0, "17\n", "" })
end)

t.done()
