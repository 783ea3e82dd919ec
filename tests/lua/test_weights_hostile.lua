-- semisam.weights on files that lie: each ends in one sentence that names the file and the reason.
local pth = require "tests.lib.pth"
local ss = require "semisam"
local t = require "tests.lib.t"
local weights = require "semisam.weights"

local dir = t.tmpdir()
local path = dir .. "/w.pth"
local two = pth.tensor { shape = { 2, 3 } }
local six = pth.floats(0, 1, 2, 3, 4, 5)
local code = pth.dict { "w", two }

local function release(r)
  for _, x in pairs(r.tensors) do x:release() end
end

-- A new file without a sync: neither fs.write nor writing over one, thousands of times.
local function write(bytes)
  os.remove(path)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

-- Every pair is {bytes, pattern of the sentence}.
local function refused(cases)
  for i, c in ipairs(cases) do
    write(c[1])
    local err = t.raises(function() weights.read(path) end, c[2], "case " .. i)
    t.match(tostring(err), "/w%.pth: ", "case " .. i)
    t.eq(tostring(err):find("\n", 1, true), nil, "case " .. i)
  end
end

local function changed(f) return pth.file(code, { six }, f) end
local function field(i, key, value) return changed(function(e) e[i][key] = value end) end
local function run(text, storages) return pth.file(text, storages or { six }) end
local function tensor(t0) return run(pth.dict { "w", pth.tensor(t0) }) end

t.test("good files for comparison: zip64, no descriptors, no padding", function()
  for _, bytes in ipairs {
    pth.file(code, { six }), pth.file(code, { six }, nil, { zip64 = true }),
    pth.file(code, { six }, function(e) for _, x in ipairs(e) do x.zip64 = true end end, { zip64 = "all" }),
    pth.file(code, { six }, function(e) for _, x in ipairs(e) do x.flags, x.plain = 0, true end end),
    pth.file(code, { six }, function(e) e[#e + 1] = { name = "a/byteorder", data = "little" } end),
    pth.file(code, { six }, function(e) e[#e + 1] = { name = "a/.data/serialization_id", data = "12" } end),
  } do
    ss.fs.write(path, bytes)
    local r = weights.read(path)
    t.eq(r.tensors.w:copy():flat(), { 0, 1, 2, 3, 4, 5 })
    release(r)
  end
end)

t.test("zip directories that lie", function()
  local good = pth.file(code, { six })
  refused {
    { "", "is empty" }, { "PK\3\4", "too short" }, { good:sub(1, -2), "cut off" },
    { good:sub(1, 400), "cut off or something was appended" }, { good .. "x", "something was appended" },
    { good .. good, "directory does not end" }, { "\0" .. good, "no checkpoint" },
    { pth.file(code, { six }, nil, { before = "PK\3\4" }), "something stands before" },
    { pth.file(code, { six }, nil, { comment = "hi" }), "end record" },
    { field(2, "method", 8), "is compressed" }, { field(2, "local_method", 8), "says otherwise" },
    { field(2, "flags", 0x0809), "encrypted" }, { field(2, "local_flags", 0x0809), "encrypted" },
    { field(2, "flags", 0x0828), "unknown flags" },
    { field(2, "local_name", "a/data/1"), "another name" }, { field(2, "directory_crc", 1), "record behind" },
    { changed(function(e) e[2].flags, e[2].directory_crc = 0, 1 end), "another size or checksum" },
    { changed(function(e) e[2].flags, e[2].local_sizes = 0, 20 end), "another size or checksum" },
    { field(2, "descriptor_crc", 1), "record behind it" },
    { field(2, "stored", 20), "two sizes differ" }, { field(2, "size", 1 << 20), "does not fit" },
    { field(2, "size", 20), "record behind it" }, { field(2, "gap", "x"), "belong to nothing" },
    { field(2, "at", 0), "zip entry 'a/data" },
    { field(2, "at", 0xfffffff0), "zip entry" }, { field(2, "signature", 1), "no entry begins" },
    { changed(function(e) e[#e + 1] = { name = "a/data.pkl", data = "x" } end), "appears twice" },
    { changed(function(e) e[#e + 1] = { name = "b/data/1", data = "x" } end), "not one of torch.save" },
    { changed(function(e) e[#e + 1] = { name = "a/../x", data = "x" } end), "not one of torch.save" },
    { changed(function(e) for _, x in ipairs(e) do x.name = "../" .. x.name:sub(3) end end), "outside" },
    { changed(function(e) e[1].name = "/etc/passwd" end), "not text" },
    { changed(function(e) e[1].name = "a\0b" end), "not text" },
    { changed(function(e) e[1].name = "a/data/x" end), "not one of torch.save" },
    { pth.zip { { name = "x.txt", data = "x" } }, "not one that torch.save wrote" },
    { pth.zip { { name = "a/version", data = "3" } }, "no data.pkl" },
    { pth.file(code, { six }, nil, { count = 2 }), "more than its entries" },
    { pth.file(code, { six }, nil, { count = 4 }), "too short" },
    { pth.file(code, { six }, nil, { count = 60000 }), "too short for its entries" },
    { pth.file(code, { six }, nil, { zip64 = true, short = 2 }), "two end records" },
    { pth.file(code, { six }, nil, { zip64 = "all", count = 1 << 40 }), "at most 100000" },
    { pth.file(code, { six }, nil, { zip64 = "all", dir_bytes = 1 << 60 }), "directory does not end" },
    { pth.file(code, { six }, nil, { zip64 = "all", dir_at = -1 }), "directory does not end" },
    { pth.file(code, { six }, nil, { zip64 = "all", end64_at = 1 << 62 }), "not where it should" },
    { pth.file(code, { six }, nil, { dir_at = 4 }), "directory does not end" },
  }
end)

t.test("contents that do not fit together", function()
  refused {
    { pth.file(code, { six:sub(1, -2) }), "'0' has 23 bytes, its 6 elements of float32 take 24" },
    { pth.file(code, { six .. "x" }), "has 25 bytes" }, { pth.file(code, {}), "'data/0' is missing" },
    { changed(function(e) e[#e + 1] = { name = "a/byteorder", data = "big" } end), "not 'little'" },
    { changed(function(e) e[#e + 1] = { name = "a/byteorder", data = "little\0" } end), "not 'little'" },
    { changed(function(e) e[2].crc = 1 end), "tensor 'w' is damaged: checksum .* says 00000001" },
    { changed(function(e) e[1].crc = 1 end), "data.pkl is damaged" },
    { tensor { shape = { 2 }, offset = 5, numel = 6 }, "element 6 of a storage of 6" },
    { tensor { shape = { 2 }, offset = -1, numel = 6 }, "element %-1" },
    { tensor { shape = { 2 }, stride = { 6 }, numel = 6 }, "element 6" },
    { tensor { shape = { 2 }, stride = { -1 }, numel = 6 }, "not negative" },
    { tensor { shape = { -2 }, numel = 6 }, "not negative" },
    { tensor { shape = { 1 << 32, 1 << 32 }, stride = { 0, 0 }, numel = 6 }, "product .* overflows" },
    { tensor { shape = { 3, 3 }, stride = { 1 << 62, 1 << 62 }, numel = 6 }, "strides overflow" },
    { tensor { shape = { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, numel = 6 }, "9 axes" },
    { tensor { shape = { 2 }, stride = { 1, 1 }, numel = 6 }, "differ in number" },
    { tensor { shape = { 0 }, numel = math.maxinteger }, "storage of %d+ elements" },
    { tensor { shape = { 1 << 40 }, stride = { 0 }, numel = 6 }, "again and again" },
    { run(pth.dict { "a", two, "b", pth.tensor { shape = { 7 } } }), "described twice" },
    { run(pth.dict { "w", two, "w", two }), "'w' appears twice" },
    { run(pth.dict { "w\0x", two }), "control character" },
    { run(pth.dict { ("w"):rep(600), two }), "600 bytes" },
  }
  ss.fs.write(path, changed(function(e) e[2].crc = 1 end))
  release(weights.read(path, { crc = false }))
end)

t.test("pickles that would do something, or are malformed", function()
  local function global(m, n) return run(pth.global(m, n) .. pth.text "true" .. "\x85R") end
  local deep = ("("):rep(300) .. two .. ("t"):rep(300)
  refused {
    { run(pth.text(("x"):rep(28)) .. pth.global("posix", "system")),
      "w.pth: refused global posix.system at byte 35; only tensors can be loaded" },
    { global("os", "system"), "refused global os.system" }, { global("builtins", "eval"), "builtins.eval" },
    { global("builtins", "getattr"), "refused" }, { global("torch", "load"), "refused" },
    { global("torch.storage", "_load_from_bytes"), "refused" }, { global("torch", ""), "refused" },
    { global("torch.nn.modules.conv", "Conv3d"), "Conv3d at byte 2; .* whole model, not as a state dict" },
    { global("__torch__.net", "Net"), "TorchScript" },
    { global("os\27[31m", "sys\7tem"), "os%?%[31m.sys%?tem" },
    { run(pth.text "os" .. pth.text "system" .. "\x93"), "refused global os.system at byte 20" },
    { run("K\1K\2\x93"), "two texts" }, { run(pth.global("torch", "FloatStorage") .. ")R"), "is called" },
    { run("]" .. pth.text "k" .. "K\1s"), "SETITEM on something that is no dict" },
    { run("}K\1a"), "APPEND on something that is no list" }, { run("](K\1K\2u"), "no dict" },
    { run("}(K\1u"), "odd number" }, { run("0"), "empty stack" }, { run("K\1s"), "empty stack" },
    { run("h\0"), "never remembered" }, { run("j\xff\xff\xff\x7f"), "never remembered" },
    { run("K\1r\xff\xff\xff\x7f"), "remembered values" }, { run("t"), "MARK is missing" },
    { run("(("), "left at STOP" },
    { run("K\1K\2"), "2 values are left" }, { run("\xff"), "unknown operation 0xff" },
    { run("i"), "unknown operation" },
    { run("X\xff\xff\xff\xff"), "cut off" }, { run("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "4 GiB" },
    { run("\x8b\xff\xff\xff\xff"), "cut off" }, { run("\x95\xff\xff\xff\xff\xff\xff\xff\xff"), "frame" },
    { run("\x80\9"), "protocol 9" }, { run(code .. "." .. code), "goes on after STOP" },
    { changed(function(e) e[1].data = e[1].data:sub(1, -2) end), "ends without STOP" },
    { run("K\1Q"), "persistent id" }, { run("(NNNNNtQ"), "persistent id" },
    { run("NNR"), "cannot be called" },
    { run("]}b"), "BUILD" }, { run(pth.global("torch._utils", "_rebuild_tensor_v2") .. ")R"), "is rebuilt" },
    { run(pth.global("torch._utils", "_rebuild_parameter") .. "NN\x86R"), "no tensor" },
    { run(pth.global("copyreg", "_reconstructor") .. pth.global("builtins", "object") .. "NN\x87R"),
      "class object" },
    { run(pth.global("_codecs", "encode") .. "K\1K\1\x86R"), "latin1" },
    { run("]" .. deep .. "a"), "nested deeper than 200" }, { run("]q\0h\0a"), "holds no tensors" },
    -- A list in a list in a list ..., each twice: 2^60 ways through it.
    { run("]" .. ("q\0000](h\0h\0e"):rep(60)), "holds no tensors" },
    { run(("N"):rep(1200000)), "more than" }, { run(("("):rep(1200000)), "more than" },
    { run(("]"):rep(4000000)), "more than" },
  }
end)

t.test("the older format", function()
  local function old(keys, o) return pth.legacy(code, keys, o) end
  local good = old { { "0", six, 4 } }
  refused {
    { old({ { "0", six, 4 } }, { magic = "0123456789" }), "not one that torch.save wrote" },
    { old({ { "0", six, 4 } }, { little = "\x89" }), "big%-endian" }, { good:sub(1, -2), "ends after 23" },
    { good .. "x", "something follows" }, { old {}, "'0' is missing" },
    { old { { "0", six, 4 }, { "0", six, 4 } }, "twice" }, { old { { "1", six, 4 } }, "no tensor uses" },
    { old { { "0", six, 4, numel = 5 } }, "5 elements, 6 were described" },
    { old { { "0", six, 4, numel = -1 } }, "%-1 elements" }, { "\x80\2K\1.", "ends without STOP" },
    { pth.pickle(code) .. pth.pickle "N" .. pth.pickle "N", "not one that torch.save wrote" },
    { pth.legacy(pth.global("os", "system"), {}), "refused global os.system" },
  }
end)

t.test("other files are named for what they are", function()
  refused {
    { "\x1f\x8b" .. ("\0"):rep(20), "gzip" }, { ("x"):rep(600), "no checkpoint" },
    { ("x"):rep(257) .. "ustar" .. ("\0"):rep(300), "tar file" }, { "PK\5\6" .. ("\0"):rep(18), "empty zip" },
  }
  t.raises(function() weights.read(dir) end, "is a folder")
  t.raises(function() weights.read(dir .. "/none") end, "none: cannot be opened")
end)

-- What may come of a damaged file: an error that names it, or tensors.
local function survives(bytes)
  write(bytes)
  local ok, r = pcall(weights.read, path, { container = "" })
  if ok then return release(r) end
  if not tostring(r):find("/w.pth: ", 1, true) then error("no file named: " .. tostring(r)) end
end

local function sweep(good, seed)
  for n = 0, #good - 1, 3 do survives(good:sub(1, n)) end
  for _ = 1, 1500 do
    seed = (seed * 6364136223846793005 + 1442695040888963407)
    local i, value = (seed >> 33) % #good + 1, (seed >> 20) & 0xff
    survives(good:sub(1, i - 1) .. string.char(value) .. good:sub(i + 1))
  end
end

t.test("cuts and random bytes of good files", function()
  local list = pth.dict { "a", two, "b", pth.tensor { shape = { 3, 2 }, stride = { 1, 3 } },
    "c", pth.dict { "d", two }, "e", pth.global("argparse", "Namespace") .. ")\x81}b" }
  sweep(pth.file(list, { six }), 1)
  sweep(pth.file(list, { six }, nil, { zip64 = "all" }), 2)
  sweep(pth.legacy(list, { { "0", six, 4 } }), 3)
  sweep("\x80\4\x95" .. string.pack("<I8", 11) .. pth.legacy(list, { { "0", six, 4 } }):sub(3), 4)
end)

-- Runs in a process of its own: what reading `path` adds to its largest size.
local PROBE = [[
local weights = require "semisam.weights"
local function peak()
  for line in io.lines "/proc/self/status" do
    local kb = line:match "VmHWM:%s*(%d+)"
    if kb then return kb * 1024 end
  end
end
collectgarbage()
local before = peak()
local ok, r = pcall(weights.read, PATH, { container = "", map = false })
print(("%d %s"):format(peak() - before, ok and r.summary or r))
]]

local function peak(bytes)
  ss.fs.write(path, bytes)
  ss.fs.write(dir .. "/probe.lua", (PROBE:gsub("PATH", ("%q"):format(path))))
  local pipe <close> = assert(io.popen(("'%s' %s/probe.lua 2>&1"):format(os.getenv "SEMISAM" or
    "build/dev/semisam", dir)))
  local out = pipe:read "a"
  return tonumber(out:match "^(%d+) ") or error(out), out
end

t.test("memory stays within twice the file and 4 MiB", function()
  if ss.fs.read("/proc/self/maps"):find("libasan", 1, true) then
    t.skip "the address sanitizer's own memory would be measured"
  end
  local SPARE, NOISE = 4 << 20, 2 << 20
  local data = ("\1\2\3\4"):rep(1 << 20)
  local big = pth.tensor { shape = { 1 << 20 } }
  local names = {}
  for i = 1, 40000 do names[i] = { name = ("a/data/%d"):format(i), data = "" } end
  local many = { "}(" }
  for i = 1, 90000 do many[i + 1] = pth.text(tostring(i)) .. "h\0" end
  local values = {}
  for i = 1, 200000 do values[i] = "0" end
  for i, bytes in ipairs {
    pth.file(pth.dict { "w", big }, { data }), pth.legacy(pth.dict { "w", big }, { { "0", data, 4 } }),
    run(("N"):rep(8 << 20)), run(("]"):rep(8 << 20)), run(("]0"):rep(4 << 20)), run(("}"):rep(900000)),
    run("](" .. ("K\1"):rep(900000) .. "e"), run("K\1" .. ("r" .. string.pack("<I4", 999999)):rep(100000)),
    run(two .. "q\0" .. "0" .. table.concat(many) .. "u"), pth.zip(names),
    string.pack("<I8", 4 << 20) .. '{"a":[' .. table.concat(values, ",") .. "]}" .. (" "):rep(4 << 20),
    string.pack("<I8", 600004) .. '{"":[' .. ("{},"):rep(199999) .. "{}" .. "]",
  } do
    local used, out = peak(bytes)
    t.ok(used <= 2 * #bytes + SPARE + NOISE,
      ("case %d: %d bytes for a file of %d: %s"):format(i, used, #bytes, out))
  end
end)

t.done()
