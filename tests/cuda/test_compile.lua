-- What the compilers said of the twins, and what the module's objects call. `tests/run cuda` has built
-- them: semisam_cuda (sm_75 in this build), cuda_matrix (the other capabilities) and, where clang 16 or
-- later is installed, cuda_sm70.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local launches = require "tests.cuda.launches"
local module = require "tests.cuda.module"

local SHARED, REGISTERS = 48 << 10, 65536 -- bytes of a block; registers of a multiprocessor

local function list(pattern)
  local files = {}
  for path in run.shell("ls " .. pattern .. " 2>/dev/null").out:gmatch "[^\n]+" do
    files[#files + 1] = path
  end
  return files
end

local function slurp(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "a"
  f:close()
  return text
end

-- Entry functions in the words of ptxas: {name, arch, spill, registers, shared}.
local function entries(text)
  local found, e = {}, nil
  for line in text:gmatch "[^\n]+" do
    local name, arch = line:match "Compiling entry function '(%S+)' for '(%S+)'"
    if name then
      e = { name = name, arch = arch, spill = 0, shared = 0 }
      found[#found + 1] = e
    elseif e then
      local stores, loads = line:match "(%d+) bytes spill stores, (%d+) bytes spill loads"
      if stores then e.spill = e.spill + stores + loads end
      local registers = line:match "Used (%d+) registers"
      if registers then
        e.registers = tonumber(registers)
        e.shared = tonumber(line:match "(%d+) bytes smem" or 0)
      end
    end
  end
  return found
end

-- The most threads of a block that a twin, or a header it includes, was launched with.
local function threads_of(op)
  local logs = list "build/tests/cuda-launches/*"
  if #logs == 0 then return nil end
  local _, threads = launches.logged(logs)
  local most, seen = 0, {}
  local function visit(path)
    if seen[path] then return end
    seen[path] = true
    most = math.max(most, threads[path:match "([^/]*)$"] or 0)
    for name in slurp(path):gmatch '#include "([^"]+)"' do
      name = name:match "([^/]*)$"
      if #list("kernels/cuda/" .. name) == 1 then visit("kernels/cuda/" .. name) end
    end
  end
  visit("kernels/" .. op .. ".cu")
  return most
end

local function judge(path, op, bad)
  local found = entries(slurp(path))
  local threads = threads_of(op) or 0
  for _, e in ipairs(found) do
    local function say(format, ...)
      bad[#bad + 1] = ("%s %s %s: "):format(op, e.arch, e.name) .. format:format(...)
    end
    if e.spill > 0 then say("%d bytes of spills", e.spill) end
    if e.shared > SHARED then say("%d bytes of shared memory", e.shared) end
    if not e.registers then
      say "no count of registers"
    elseif e.registers * math.ceil(threads / 32) * 32 > REGISTERS then
      say("%d registers for blocks of %d threads", e.registers, threads)
    end
  end
  return #found
end

local function check(pattern, suffix)
  local bad, kernels, files = {}, 0, list(pattern)
  for _, path in ipairs(files) do
    kernels = kernels + judge(path, path:match("([^/]*)" .. suffix .. "$"), bad)
  end
  t.eq(bad, {})
  t.ok(kernels >= #files, ("%d kernels in %d files"):format(kernels, #files))
  print(("  %d kernels in %d files"):format(kernels, #files))
end

local function built(pattern, why)
  if #list(pattern) == 0 then t.skip(why) end
end

local NO_NVCC = "nvcc was not found when this build was configured"

t.test("sm_75: registers, spills and shared memory", function()
  built(module.folder .. "/cuda/*.o.log", NO_NVCC)
  check(module.folder .. "/cuda/*.o.log", "%.o%.log")
end)

t.test("the other capabilities", function()
  built(module.folder .. "/cuda/*.matrix.log", #list(module.folder .. "/cuda/*.o.log") == 0 and NO_NVCC
    or "cuda_matrix was not built; `tests/run cuda` builds it")
  check(module.folder .. "/cuda/*.matrix.log", "%.matrix%.log")
end)

t.test("sm_70 by clang and ptxas", function()
  built(module.folder .. "/cuda/*.ptxas",
    "clang++-16 to clang++-19 was not found (Debian: clang-19), so nothing was checked for sm_70")
  check(module.folder .. "/cuda/*.ptxas", "%.sm70%.ptxas")
end)

t.test("a spill, too much shared memory and too many registers are found", function()
  local log = run.write(t.tmpdir() .. "/layer_norm.o.log", [[
ptxas info    : Compiling entry function 'a' for 'sm_75'
ptxas info    : Function properties for a
    8 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers, 49156 bytes smem, 824 bytes cmem[0]
ptxas info    : Compiling entry function 'b' for 'sm_75'
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 20 registers, 824 bytes cmem[0]
]])
  local bad = {}
  t.eq(judge(log, "layer_norm", bad), 2)
  t.eq(#bad, 2)
  t.match(bad[1], "layer_norm sm_75 a: 12 bytes of spills")
  t.match(bad[2], "49156 bytes of shared memory")
end)

local allowed = {}
for line in io.lines "tests/cuda/api.txt" do
  local name = line:match "^([%w_]+)"
  if name then allowed[name] = true end
end

local function all_allowed(calls, least)
  local bad, n = {}, 0
  for name in pairs(calls) do
    n = n + 1
    if not allowed[name] then bad[#bad + 1] = name end
  end
  table.sort(bad)
  t.ok(n >= least, "functions called: " .. n)
  t.eq(bad, {}, "not in tests/cuda/api.txt")
end

t.test("the functions looked up in libraries are in all their versions", function()
  local calls = {}
  for name in slurp("kernels/cuda/libs_api.h"):gmatch "X%((%w+)%)" do
    if name ~= "function" then calls[name] = true end
  end
  all_allowed(calls, 20)
end)

t.test("the module calls only what CUDA 12.0 to 13.0 share", function()
  local objects = list(module.folder .. "/cuda/*.o")
  if #objects == 0 then t.skip(NO_NVCC) end
  for _, path in ipairs(list(module.folder .. "/CMakeFiles/semisam_cuda.dir/kernels/cuda/*.o")) do
    objects[#objects + 1] = path
  end
  local calls = {}
  for name in run.shell("nm -u " .. table.concat(objects, " ")).out:gmatch "U (%S+)" do
    if name:match "^_*cu" or name:match "^_*nv" then calls[name] = true end
  end
  all_allowed(calls, 15)
end)

t.done()
