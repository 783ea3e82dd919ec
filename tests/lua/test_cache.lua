-- ss.cache: entries come back bit for bit, survive reopening, and damage is noticed.
local t = require "tests.lib.t"
local ss = require "semisam"

t.test("put, get, has, remove, reopen", function()
  local dir = t.tmpdir() .. "/c"
  local image, label = ss.normal({ 3, 4, 5, 1 }, 1), ss.ones({ 3, 4, 5, 1 }, { dtype = "u8" })
  do
    local c <close> = ss.cache.open(dir)
    t.eq(c:get "none", nil)
    c:put("case_1", { image = image, label = label, meta = '{"a": 1}' })
    c:put("case_2", { image = image:permute { 4, 3, 2, 1 }, none = ss.zeros { 0 } })
    t.eq({ c:has "case_1", c:has "case_3" }, { true, false })
  end
  local c <close> = ss.cache.open(dir)
  local one, two = c:get "case_1", c:get "case_2"
  t.eq(one.image:bytes_string(), image:bytes_string())
  t.eq({ one.label.dtype, one.label.shape, one.meta }, { "u8", { 3, 4, 5, 1 }, '{"a": 1}' })
  t.eq(two.image:totable(), image:permute { 4, 3, 2, 1 }:totable())
  t.eq(two.none.count, 0)
  c:put("case_1", { image = label })
  t.eq(c:get("case_1").image.dtype, "u8")
  t.eq(c:get("case_1").label, nil)
  c:remove "case_1"
  c:remove "case_1"
  t.eq(c:has "case_1", false)
  local again = ss.cache.open(dir) -- the same folder twice is one cache
  again:put("x", { a = image })
  t.eq(c:has "x", true)
  again:close()
  t.raises(function() again:get "x" end, "was closed")
end)

t.test("misuse and limits end in sentences", function()
  local dir = t.tmpdir()
  local c <close> = ss.cache.open(dir .. "/c", { limit = 1 << 20 })
  t.raises(function() c:put("big", { x = ss.zeros { 1 << 19 } }) end, "full")
  c:put("small", { x = ss.zeros { 16 } })
  t.raises(function() c:put("k", { ss.zeros { 1 } }) end, "by name")
  t.raises(function() c:put("k", { x = 1 }) end, "expected")
  t.raises(function() c:get(("k"):rep(2000)) end, "at most 1023")
  t.raises(function() ss.cache.open(dir .. "/d", { limit = 5 }) end, "at least 1 MiB")
  ss.fs.write(dir .. "/file", "x")
  t.raises(function() ss.cache.open(dir .. "/file") end, "file")
end)

t.test("a damaged file is noticed", function()
  local dir = t.tmpdir() .. "/c"
  local image = ss.normal({ 64, 64 }, 1)
  do
    local c <close> = ss.cache.open(dir)
    c:put("case", { image = image })
  end
  local path = dir .. "/data.mdb"
  local bytes = ss.fs.read(path)
  local at = bytes:find(image:bytes_string():sub(1, 16), 1, true) + 99
  ss.fs.write(path, bytes:sub(1, at) .. string.char(bytes:byte(at + 1) ~ 255) .. bytes:sub(at + 2))
  local c <close> = ss.cache.open(dir)
  t.raises(function() return c:get "case" end, "damaged")
end)

t.done()
