-- ss.fs and ss.hash.
local t = require "tests.lib.t"
local ss = require "semisam"
local fs = ss.fs

t.test("write, append, read, stat", function()
  local dir = t.tmpdir()
  local path = dir .. "/a"
  fs.write(path, "one\0two")
  t.eq(fs.read(path), "one\0two")
  fs.append(path, "!")
  t.eq(fs.read(path), "one\0two!")
  local s = fs.stat(path)
  t.eq({ s.size, s.is_file, s.is_dir }, { 8, true, false })
  t.ok(math.abs(s.mtime - os.time()) < 100)
  t.eq(fs.stat(dir .. "/none"), nil)
  t.raises(function() fs.read(path, { limit = 7 }) end, "fs.read: .* 8 bytes, more than the limit of 7")
  t.raises(function() fs.read(dir) end, "is a folder; a regular file is needed")
  t.raises(function() fs.write(dir, "") end, "is a folder; a file is to be written")
  t.raises(function() fs.read "a\0b" end, "path: contains a zero byte")
  t.raises(function() fs.read(1) end, "path: expected a string, got number")
  t.match(fs.read("/proc/self/status"), "Name:") -- claims no size
end)

t.test("folders", function()
  local dir = t.tmpdir()
  fs.mkdir(dir .. "/x/y/z")
  fs.mkdir(dir .. "/x/y/z")
  fs.write(dir .. "/x/b", "")
  fs.write(dir .. "/x/A", "")
  t.eq(fs.list(dir .. "/x"), { "A", "b", "y" })
  t.ok(fs.is_dir(dir .. "/x/y") and not fs.is_dir(dir .. "/x/b") and fs.exists(dir .. "/x/b"))
  t.raises(function() fs.remove(dir .. "/x") end, "not empty")
  fs.rename(dir .. "/x", dir .. "/w")
  t.eq(fs.realpath(dir .. "/w/../w/b"), fs.realpath(dir) .. "/w/b")
  fs.remove(dir .. "/w", { tree = true })
  t.eq(fs.list(dir), {})
  t.eq(fs.sweep(dir), 0)
  local tmp = fs.tmpdir()
  t.eq(fs.list(tmp), {})
  fs.remove(tmp)
  t.ok(fs.is_dir(fs.cwd()))
end)

t.test("hashes of files, strings and tensors agree", function()
  local dir = t.tmpdir()
  fs.write(dir .. "/a", "abc")
  t.eq(fs.hash(dir .. "/a"), ss.hash "abc")
  t.eq(#ss.hash "", 32)
  t.eq(ss.hash "", "99aa06d3014798d86001c324468d497f") -- published value of XXH3-128 of nothing
  local x = ss.tensor({ 97, 98, 99 }, { dtype = "u8" })
  t.eq(ss.hash(x), ss.hash "abc")
end)

t.test("a lock is held until closed", function()
  local path = t.tmpdir() .. "/lock"
  do
    local a <close> = t.ok(fs.lock(path))
    local b, why = fs.lock(path)
    t.eq(b, nil)
    t.match(why, "is in use by process %d+ on ")
    t.eq(type(a), "userdata")
  end
  local c = t.ok(fs.lock(path))
  c:close()
  c:close()
  t.ok(fs.lock(path)):close()
end)

t.done()
