-- Writes, kernels, copies and reads whose results depend on every wait between them: run by
-- test_waits.lua, with waits left out. Prints "as expected" or the first wrong value.
local ss = require "semisam"

local N = 600

local function filled(v) return ss.full({ N }, v) end

local function expect(x, want, what)
  local list = x:to("cpu"):reshape { N }
  local lo, hi = list:min():item(), list:max():item()
  if lo == want and hi == want then return end
  print(("%s: got %g to %g, want %g"):format(what, lo, hi, want))
  os.exit(1)
end

-- A kernel after the write of its input.
local function kernel_after_write()
  local x = filled(3):to("cuda")
  expect(x * x, 9, "a kernel after a write")
end

-- More writes than there are staging buffers, before any has to be done.
local function many_writes()
  local x = {}
  for i = 1, 12 do x[i] = filled(i):to("cuda") end
  for i = 1, 12 do expect(x[i], i, "one of many writes") end
end

-- A write to memory that a queued kernel still reads: freed blocks are used again at once.
local function write_after_free()
  local two = filled(2):to("cuda")
  for i = 1, 6 do
    local y
    do
      local x <close> = filled(i):to("cuda")
      expect(x, i, "a write")
      y = x * two
    end
    local z = filled(100 + i):to("cuda")
    expect(y, 2 * i, "a kernel whose input is written over later")
    expect(z, 100 + i, "a write into used memory")
  end
end

-- A write larger than a staging buffer, and a read of it.
local function large()
  local n = (9 << 20) // 4 + 5
  local x = ss.arange(n):to("f32")
  local y = x:to("cuda"):to("cpu")
  if (y - x):abs():max():item() ~= 0 then
    print "a large write and read: the values differ"
    os.exit(1)
  end
end

-- The last work is done when wait says so.
local function changed_in_place()
  local x = filled(1):to("cuda")
  for i = 1, 5 do
    x = x * filled(2):to("cuda")
    if i % 2 == 0 then expect(x, 1 << i, "a value between writes") end
  end
  expect(x, 32, "a chain of products")
end

-- What a kernel found wrong with its input is told by the next read, once.
local function told_by_a_read()
  local x, good, bad = filled(4):to("cuda"), ss.full({ 1 }, 1):to("i64"), ss.full({ 1 }, N + 1):to("i64")
  good, bad = good:to("cuda"), bad:to("cuda")
  for round = 1, 3 do
    local y = ss.index_select(x, bad, { dim = 1 })
    local ok, why = pcall(y.item, y)
    if ok or not tostring(why):find("index_select: .*outside 0 to 599") then
      print(("round %d: an index of %d: %s"):format(round, N + 1, ok and "no error" or tostring(why)))
      os.exit(1)
    end
    y = ss.index_select(x, good, { dim = 1 })
    if y:item() ~= 4 then
      print(("round %d: got %g after the error, want 4"):format(round, y:item()))
      os.exit(1)
    end
  end
end

told_by_a_read()
kernel_after_write()
many_writes()
write_after_free()
changed_in_place()
large()
print "as expected"
