-- ss.json: exact round trips, sorted keys, refusals.
local t = require "tests.lib.t"
local ss = require "semisam"
local json = ss.json

t.test("values come back as they were", function()
  local v = { a = 1, b = 1.0, c = "x\"\\\n\1é", d = { 1, 2.5, { e = true } }, f = -0.1, big = 1 << 53 }
  local back = json.decode(json.encode(v))
  t.eq(back.a, 1)
  t.eq(math.type(back.a), "integer")
  t.eq(back.c, v.c)
  t.eq({ back.d[1], back.d[2], back.d[3].e }, { 1, 2.5, true })
  t.eq(back.f, -0.1)
  t.eq(back.big, 1 << 53)
  for _ = 1, 200 do
    local x = string.unpack("<d", string.pack("<I8", math.random(0)))
    if x == x and math.abs(x) < math.huge then t.eq(json.decode(json.encode { x })[1], x) end
  end
end)

t.test("equal values, equal bytes", function()
  t.eq(json.encode { b = 1, a = { 2, 3 }, c = {} }, '{"a": [2, 3], "b": 1, "c": {}}')
  t.eq(json.encode(json.array {}), "[]")
  t.eq(json.encode(json.decode '{"z": [], "y": {}}'), '{"y": {}, "z": []}')
  t.eq(json.encode({ a = { b = 1 } }, { indent = 2 }), '{\n  "a": {\n    "b": 1\n  }\n}\n')
end)

t.test("what has no JSON form is refused", function()
  t.raises(function() json.encode { 0 / 0 } end, "no JSON form")
  t.eq(json.encode({ 0 / 0, 1 }, { nonfinite = "null" }), "[null, 1]")
  t.raises(function() json.encode { print } end, "a function has no JSON form")
  t.raises(function() json.encode { [1.5] = 1 } end, "other keys")
  t.raises(function() json.encode((1 << 53) + 1) end, "2%^53")
  t.raises(function() json.encode({}, { idnent = 1 }) end, "unknown option 'idnent'")
  local loop = {}
  loop[1] = loop
  t.raises(function() json.encode(loop) end, "deeper than 64")
end)

t.test("bad text ends in a sentence with its place", function()
  t.raises(function() json.decode '{"a": 1,\n "b": }' end, "line 2, column")
  local deep = ("["):rep(200) .. ("]"):rep(200)
  for _, s in ipairs { "", "{", "[1,]", "{1:2}", "nul", '"\\x"', "[1] 2", deep } do
    t.raises(function() json.decode(s) end, "json.decode")
  end
  t.raises(function() json.decode '{"a": 1, "a": 2}' end, '"a" appears twice')
  t.raises(function() json.decode "[1]\0" end, "zero byte")
end)

t.done()
