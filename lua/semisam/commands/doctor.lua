-- What this machine offers the program, and whether something is missing.
local ss = require "semisam"
local cpu = require "semisam.processor"
local paths = require "semisam.paths"
local system = require "semisam.system"

local problems = 0

local function line(name, format, ...) print(("%-12s %s"):format(name, format:format(...))) end

local function problem(name, format, ...)
  problems = problems + 1
  line(name, "PROBLEM: " .. format, ...)
end

local function gib(n) return n / (1 << 30) end

local levels = { v2 = "SSE4.2", v3 = "AVX2", v4 = "AVX-512" }

local function processor()
  line("processor", "%s", cpu.name())
  line("kernels", "x86-64-%s (%s)%s", ss.isa(), levels[ss.isa()] or "baseline",
    cpu.bf16() and ", bf16 arithmetic" or "")
  line("threads", "%d of %d processors", ss.threads(), system.cpus())
  local total, free = system.memory()
  line("memory", "%.1f GiB, %.1f free, budget %.1f", gib(total), gib(free),
    gib(math.min(ss.memory("cpu").budget, total)))
  if total < 4 << 30 then problem("memory", "training wants 4 GiB or more") end
end

-- The engine gives right answers: a product whose result is known.
local function arithmetic()
  local x = ss.full({ 8, 16 }, 0.5)
  local ok, y = pcall(function() return (x * 3 + x):sum():item() end)
  if ok and y == 256 then
    line("arithmetic", "as expected")
  else
    problem("arithmetic", "8 x 16 x 2 should be 256, got %s", tostring(y))
  end
end

local function libraries()
  for _, lib in ipairs(system.libraries()) do line(lib[1], "%s", lib[2]) end
  line("line editor", "%s", require("semisam.terminal").editor)
end

-- No device is no problem: everything runs on the processor then. A module that does not load is.
local function graphics()
  local cuda = ss.cuda()
  if not cuda.path then return line("cuda", "none: %s", cuda.why) end
  if not cuda.build then return problem("cuda", "%s", cuda.why) end
  line("cuda", "%s (%s), %d operations", cuda.path, cuda.build, cuda.twins)
  if cuda.devices == 0 then line("", "%s; computing on the processor", cuda.why) end
  for i = 0, cuda.devices - 1 do
    local ok, d = pcall(ss.cuda, i)
    if ok then
      line("cuda:" .. i, "%s, sm_%d, %d multiprocessors, %.1f GiB, %.1f free", d.name, d.capability,
        d.multiprocessors, gib(d.bytes), gib(d.free))
    else
      problem("cuda:" .. i, "%s", tostring(d))
    end
  end
  for _, lib in ipairs(cuda.devices > 0 and ss._cuda_libraries() or {}) do
    line(lib.name, "%s", lib.text)
  end
end

local function writable()
  local here = "."
  if system.writable(here) then
    line("folder", "the working folder can be written")
  else
    problem("folder", "the working folder cannot be written; runs need another `out`")
  end
  line("files", "%s", paths.root)
end

return {
  summary = "say what this machine offers and what is missing",
  options = {},
  run = function()
    problems = 0
    line("semisam", "%s", ss.version)
    processor()
    libraries()
    graphics()
    line("locale", "%s", os.setlocale(nil, "ctype") or "?")
    writable()
    arithmetic()
    print(problems == 0 and "all is well" or ("%d problem%s"):format(problems,
      problems == 1 and "" or "s"))
    return problems == 0 and 0 or 1
  end,
}
