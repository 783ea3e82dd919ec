-- semisam.weights: reading checkpoints of every format, choosing what is in them, loading networks.
local nn = require "semisam.nn"
local pth = require "tests.lib.pth"
local ss = require "semisam"
local t = require "tests.lib.t"
local weights = require "semisam.weights"

local CORPUS = "../shared/data/pth_corpus"

local function write(dir, bytes)
  local path = dir .. "/w.pth"
  ss.fs.write(path, bytes)
  return path
end

local function release(r)
  for _, x in pairs(r.tensors) do x:release() end
end

local two = pth.tensor { shape = { 2, 3 } }
local six = pth.floats(0, 1, 2, 3, 4, 5)

t.test("zip, older and safetensors files are told apart by content", function()
  local dir = t.tmpdir()
  local want = { 0, 1, 2, 3, 4, 5 }
  local code = pth.dict { "w", two }
  local files = {
    ["PyTorch zip"] = pth.file(code, { six }),
    ["PyTorch before 1.6"] = pth.legacy(code, { { "0", six, 4 } }),
  }
  ss.safetensors_write(dir .. "/s", { w = ss.tensor({ { 0, 1, 2 }, { 3, 4, 5 } }) }, { step = "3" })
  files.safetensors = ss.fs.read(dir .. "/s")
  for format, bytes in pairs(files) do
    local r = weights.read(write(dir, bytes))
    t.eq(r.format, format)
    t.eq(r.tensors.w.shape, { 2, 3 })
    t.eq(r.tensors.w:flat(), want)
    t.eq(r.names, { "w" })
    t.eq(r.summary, ("%s/w.pth: %s, 1 tensor"):format(dir, format))
    if format == "safetensors" then t.eq(r.metadata.step, "3") end
    -- A window on the file is private.
    r.tensors.w:fill_(7)
    t.eq(ss.fs.read(dir .. "/w.pth"), bytes)
    release(r)
    r = weights.read(dir .. "/w.pth", { map = false })
    t.eq(r.tensors.w:flat(), want)
  end
end)

t.test("element types: what we lack is widened, never silently rounded", function()
  local dir = t.tmpdir()
  local function one(class, bytes, n, opts)
    local file = pth.file(pth.dict { "x", pth.tensor { shape = { n }, class = class } }, { bytes })
    return weights.read(write(dir, file), opts).tensors.x
  end
  local cases = {
    { "DoubleStorage", "<dd", "f32", 0.5, -2 }, { "FloatStorage", "<ff", "f32", 0.5, -2 },
    { "LongStorage", "<i8i8", "i64", 1 << 40, -2 }, { "IntStorage", "<i4i4", "i32", 1 << 30, -2 },
    { "ShortStorage", "<i2i2", "i32", 32767, -32768 }, { "CharStorage", "<i1i1", "i32", 127, -128 },
    { "ByteStorage", "<I1I1", "u8", 255, 0 },
  }
  for _, c in ipairs(cases) do
    local x = one(c[1], c[2]:pack(c[4], c[5]), 2)
    t.eq(x.dtype, c[3], c[1])
    t.eq(x:flat(), { c[4], c[5] }, c[1])
  end
  t.eq(one("BoolStorage", "\0\2\1", 3):flat(), { false, true, true })
  t.eq(one("HalfStorage", "\0\x3c\0\xc0", 2):to("f32"):flat(), { 1, -2 })
  t.eq(one("BFloat16Storage", "\x80\x3f\0\xc0", 2):to("f32"):flat(), { 1, -2 })
  local third = string.pack("<d", 1 / 3)
  t.raises(function() one("DoubleStorage", third, 1) end, "tensor 'x' is float64 .* exactly; round")
  t.near(one("DoubleStorage", third, 1, { round = true }):item(), 1 / 3, 1e-7)
  t.raises(function() one("ComplexFloatStorage", six:sub(1, 8), 1) end, "complex64, which has no")
end)

t.test("shared, strided, empty and scalar tensors", function()
  local dir = t.tmpdir()
  local code = pth.dict {
    "all", two, "t", pth.tensor { shape = { 3, 2 }, stride = { 1, 3 }, numel = 6 },
    "tail", pth.tensor { shape = { 2 }, offset = 4, numel = 6 },
    "same", pth.tensor { shape = { 4 }, stride = { 0 }, offset = 2, numel = 6 },
    "one", pth.tensor { shape = {}, offset = 5, numel = 6 },
    "none", pth.tensor { shape = { 0, 3 }, key = "1", numel = 0 },
  }
  for _, bytes in ipairs { pth.file(code, { six, "" }),
    pth.legacy(code, { { "0", six, 4 }, { "1", "", 4 } }) } do
    local r = weights.read(write(dir, bytes))
    t.eq(r.tensors.t:copy():flat(), { 0, 3, 1, 4, 2, 5 })
    t.eq(r.tensors.tail:flat(), { 4, 5 })
    t.eq(r.tensors.same:copy():flat(), { 2, 2, 2, 2 })
    t.eq(r.tensors.one:item(), 5)
    t.eq(r.tensors.none.shape, { 0, 3 })
    r.tensors.tail:fill_(9) -- as in PyTorch, sharing is kept
    t.eq(r.tensors.all:flat(), { 0, 1, 2, 3, 9, 9 })
    release(r)
  end
end)

-- Things that real training checkpoints hold beside their weights.
local function beside()
  local g = pth.global
  local dtype = g("numpy", "dtype") .. "(" .. pth.text "f8" .. "\x89\x88tR(K\3" .. pth.text "<"
    .. "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
  return {
    "args", g("argparse", "Namespace") .. ")\x81" .. pth.dict { "lr", "G" .. string.pack(">d", 0.5),
      "out", g("pathlib", "PosixPath") .. "(" .. pth.text "/" .. pth.text "tmp" .. "tR" } .. "b",
    "best", g("numpy.core.multiarray", "scalar") .. dtype .. "C\8" .. string.pack("<d", 1) .. "\x86R",
    "milestones", g("collections", "Counter") .. "}K\5K\1s\x85R",
    "seed", "\x8a\9" .. ("\1"):rep(9), "epoch", "K\12", "done", "\x88", "device",
    g("torch", "device") .. pth.text "cuda" .. "\x85R", "size", g("torch", "Size") .. "K\2\x85\x85R",
    "dtype", g("torch", "float32"), "set", g("__builtin__", "set") .. "](K\1K\2e\x85R",
    "default", g("collections", "defaultdict") .. g("__builtin__", "list") .. "\x85R",
  }
end

local function training()
  local list = beside()
  local moment = pth.dict { "exp_avg", two }
  local model = pth.dict { "module.a", two, "module.b", two }
  table.move({ "model", model, "optimizer", pth.dict { "state", "}(K\0" .. moment .. "u" } }, 1, 4,
    #list + 1, list)
  return pth.dict(list)
end

t.test("a training checkpoint: the container and the prefix are found and said", function()
  local dir = t.tmpdir()
  local path = write(dir, pth.file(training(), { six }))
  local r = weights.read(path)
  t.eq(r.container, "model")
  t.eq(r.prefix, "module.")
  t.eq(r.names, { "a", "b" })
  t.eq(r.summary, path .. ": PyTorch zip, container 'model', prefix 'module.', 2 tensors")
  t.eq(r.metadata.epoch, "12")
  t.eq(r.metadata["args.lr"], "0.5")
  release(r)
  r = weights.read(path, { container = "optimizer.state.0" })
  t.eq(r.names, { "exp_avg" })
  release(r)
  r = weights.read(path, { container = "", prefix = "model.module." })
  t.eq(r.names, { "a", "b" })
  release(r)
  t.eq(#weights.read(path, { container = "", info = true }).names, 3)
  t.raises(function() weights.read(path, { container = "net" }) end, "container 'net'; it holds 'model'")
  t.raises(function() weights.read(path, { prefix = "x." }) end, "begins with 'x%.'; one is 'module%.a'")
  t.raises(function() weights.read(path, { contaner = "" }) end, "unknown option 'contaner'")
end)

t.test("two networks in a file: the caller chooses", function()
  local dir = t.tmpdir()
  local net = pth.dict { "a", two, "b", two }
  local path = write(dir, pth.file(pth.dict { "teacher", net, "student", net }, { six }))
  t.raises(function() weights.read(path) end, "several networks .* 'teacher' %(2 tensors%), 'student' %(2")
  local r = weights.read(path, { container = "student" })
  t.eq(r.names, { "a", "b" })
  release(r)
  path = write(dir, pth.file(pth.dict { "ema", net, "state_dict", net }, { six }))
  t.eq(weights.read(path, { info = true }).container, "state_dict")
  path = write(dir, pth.file(pth.dict { "epoch", "K\1" }))
  t.raises(function() weights.read(path) end, "holds no tensors")
  path = write(dir, pth.file(pth.dict { "optimizer", pth.dict { "m", two } }, { six }))
  t.raises(function() weights.read(path) end, "no weights, only 'optimizer' %(1 tensor%)")
end)

t.test("loading a network: parts, strictness, values that are not finite", function()
  local dir = t.tmpdir()
  local Net = nn.module {
    name = "net",
    init = function(self)
      self.encoder = nn.linear(3, 2, { bias = false })
      self.head = nn.linear(2, 1)
    end,
  }
  local net = Net()
  local full = { "net.encoder.weight", two, "net.head.weight", pth.tensor { shape = { 1, 2 }, numel = 6 },
    "net.head.bias", pth.tensor { shape = { 1 }, offset = 3, numel = 6 } }
  local path = write(dir, pth.file(pth.dict { "state_dict", pth.dict(full) }, { six }))
  local r = weights.load(net, path)
  t.eq(r.summary, path .. ": PyTorch zip, container 'state_dict', prefix 'net.', 3 tensors")
  t.eq(net.head.bias:flat(), { 3 })
  r = weights.load(net, path, { into = net.encoder })
  t.eq(r.prefix, "net.encoder.")
  t.eq(r.summary:match "1 tensor, 2 others left out", "1 tensor, 2 others left out")
  path = write(dir, pth.file(pth.dict { "weight", two }, { six }))
  weights.load(net, path, { into = net.encoder })
  path = write(dir, pth.file(pth.dict { "encoder.weight", two, "x", two }, { six }))
  t.raises(function() weights.load(net, path) end,
    "missing %(2%): head%.weight, head%.bias\n.*not wanted %(1%): x")
  r = weights.load(net, path, { strict = false })
  t.eq(r.missing, { "head.weight", "head.bias" })
  t.eq(r.extra, { "x" })
  t.eq(r.summary:match "2 of the network kept, 1 not wanted by it" ~= nil, true)
  path = write(dir, pth.file(pth.dict { "weight", pth.tensor { shape = { 3, 2 } } }, { six }))
  t.raises(function() weights.load(net.encoder, path) end, "weight is f32%[2,3%], got f32%[3,2%]")
  path = write(dir, pth.file(pth.dict { "weight", two }, { pth.floats(0, 1, 0 / 0, 3, 4, math.huge) }))
  t.raises(function() weights.load(net.encoder, path) end, "not finite in 1 tensor: weight %(2 values%)")
  weights.load(net.encoder, path, { nonfinite = true })
  for _, p in net:named_parameters() do p:release() end
end)

local function flat_values(x)
  if x.count == 0 then return {} end
  local y = x:copy()
  return (y.dtype:find "f" and y:to "f32" or y):flat()
end

-- Holds one file of the corpus against what the manifest says.
local function check_corpus(name, case)
  local path = CORPUS .. "/" .. name
  if case.expect ~= "ok" then return t.raises(function() weights.read(path) end, "") end
  local r = weights.read(path, { container = "" , prefix = "" })
  if type(case.tensors) == "table" then
    for full, want in pairs(case.tensors) do
      local x, sum = r.tensors[full], 0
      if type(want.shape) ~= "table" then goto continue end -- a number beside the tensors
      if not x then error(("%s: %s is missing"):format(name, full)) end
      t.eq(table.concat(x.shape, ","), table.concat(want.shape, ","), name .. " " .. full)
      if type(want.values) == "table" then
        t.eq(flat_values(x), table.move(want.values, 1, #want.values, 1, {}), name .. " " .. full)
      end
      if type(want.sum) == "number" and x.count > 0 and x.dtype ~= "bool" then
        for _, v in ipairs(flat_values(x)) do sum = sum + v end
        t.near(sum, want.sum, 1e-6 * (1 + math.abs(want.sum)), name .. " " .. full)
      end
      ::continue::
    end
  end
  release(r)
end

t.test("the corpus written by PyTorch 1.13 reads as its manifest says", function()
  if not ss.fs.exists(CORPUS .. "/manifest.json") then return t.skip(CORPUS .. " is not there") end
  local n = 0
  for name, case in pairs(ss.json.decode(ss.fs.read(CORPUS .. "/manifest.json"))) do
    check_corpus(name, case)
    n = n + 1
  end
  t.eq(n > 10, true)
end)

t.done()
