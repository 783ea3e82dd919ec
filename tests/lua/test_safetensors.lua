-- ss.safetensors_read and _write: round trips, damage, malformed headers.
local t = require "tests.lib.t"
local ss = require "semisam"

local function file(header, data)
  return string.pack("<I8", #header) .. header .. (data or "")
end

t.test("every element type comes back, bytes are a function of the contents", function()
  local dir = t.tmpdir()
  local x = {
    ["a.weight"] = ss.normal({ 3, 4 }, 1), half = ss.normal({ 5 }, 2):to "f16",
    brain = ss.normal({ 5 }, 3):to "bf16", n = ss.tensor(7, { dtype = "i64" }),
    i = ss.tensor({ -1, 2 }, { dtype = "i32" }), u = ss.tensor({ 0, 255 }, { dtype = "u8" }),
    b = ss.tensor({ true, false }, { dtype = "bool" }), none = ss.zeros { 0, 3 },
    view = ss.normal({ 4, 6 }, 4):permute { 2, 1 },
  }
  ss.safetensors_write(dir .. "/x", x, { step = "12" })
  local r = ss.safetensors_read(dir .. "/x")
  for name, v in pairs(x) do
    t.eq(r.tensors[name].dtype, v.dtype, name)
    t.eq(r.tensors[name].shape, v.shape, name)
    t.eq(r.tensors[name]:bytes_string(), v:copy():bytes_string(), name)
  end
  t.eq(#r.names, 9)
  t.eq(r.metadata.step, "12")
  ss.safetensors_write(dir .. "/y", r.tensors, r.metadata)
  t.eq(ss.fs.read(dir .. "/y"), ss.fs.read(dir .. "/x"))
  t.eq(ss.safetensors_read(dir .. "/x", { info = true }).info[1].dtype, "I64")
  t.raises(function() ss.safetensors_write(dir .. "/z", { x = 1 }) end, "'x' is a number")
  t.raises(function() ss.safetensors_read(dir .. "/none") end, "safetensors_read: .*/none")
end)

t.test("every flipped bit and every cut is noticed", function()
  local dir = t.tmpdir()
  local path = dir .. "/x"
  ss.safetensors_write(path, { w = ss.normal({ 8 }, 1) })
  local good, silent = ss.fs.read(path), {}
  for i = 1, #good do
    local bad = good:sub(1, i - 1) .. string.char(good:byte(i) ~ (1 << (i % 8))) .. good:sub(i + 1)
    ss.fs.write(path, bad)
    local ok, r = pcall(ss.safetensors_read, path)
    -- A flip inside the header's own text may leave another valid header (a name, a blank).
    if ok and i > 8 + string.unpack("<I8", good) then silent[#silent + 1] = i end
    if ok then for _, x in pairs(r.tensors) do x:release() end end
  end
  t.eq(silent, {})
  for n = 0, #good - 1 do
    ss.fs.write(path, good:sub(1, n))
    t.raises(function() ss.safetensors_read(path) end, "safetensors_read")
  end
end)

t.test("malformed headers end in one sentence", function()
  local dir = t.tmpdir()
  local four = "1234"
  local one = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
  ss.fs.write(dir .. "/x", file(one, four))
  t.eq(ss.safetensors_read(dir .. "/x").tensors.w.count, 1)
  local cases = {
    { "", "at least 8" }, { string.pack("<I8", 0), "does not begin" },
    { string.pack("<I8", 1 << 40) .. "{}", "is claimed" },
    { string.pack("<i8", -1) .. "{}", "is claimed" },
    { file "[]", "does not begin" }, { file(one, "12345"), "the tensors take 4" },
    { file(one, "123"), "within 3" }, { file(one:gsub("%[0,4%]", "[4,8]"), four .. four), "hole" },
    { file(one:gsub("%[1%]", "[2]"), four), "expected 8 bytes" },
    { file(one:gsub("F32", "F99"), four), "unknown dtype 'F99'" },
    { file(one:gsub("%[1%]", "[1e0]"), four), "is 'e'" },
    { file(one:gsub("%[1%]", "[-1]"), four), "is '%-'" },
    { file(one:gsub("%[1%]", "[1.0]"), four), "is '%.'" },
    { file(one:gsub("%[1%]", "[]]"), four), "JSON" },
    { file('{"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', four), "twice" },
    { file('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', four), "unknown field" },
    { file('{"w":{"dtype":"F32","shape":[1]}}', four), "missing or malformed" },
    { file(one:gsub("%[1%]", "[4194305,4194305,211106198978564]"), four), "overflow" },
    { file(one:sub(1, -2) .. "," .. one:sub(2), four), "twice" },
    { file('{"__metadata__":{"a":"1","a":"2"}}'), "'a' twice" },
    { file('{"__metadata__":{"a":1}}'), "not a string" }, { file('{"__metadata__":[]}'), "not an object" },
    { file('{"a\\u0000b":1}'), "zero in a text" },
    { file('{"a":[' .. ("0,"):rep(99999) .. "0]}"), "header of" },
    { file('{"\xff":1}'), "not UTF%-8" }, { file(("{\"a\":"):rep(20) .. ("}"):rep(20)), "nested deeper" },
    { file(one .. "x", four), "is 'x'" }, { file('{"w":1}'), "not an object" },
    { file('{"w":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}', four), "more than 8" },
  }
  for i, c in ipairs(cases) do
    ss.fs.write(dir .. "/x", c[1])
    t.raises(function() ss.safetensors_read(dir .. "/x") end, c[2], "case " .. i)
  end
end)

t.done()
