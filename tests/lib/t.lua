-- Assertions and the frame of a Lua test file:
--
--   local t = require "tests.lib.t"
--   t.test("what holds", function() t.eq(1 + 1, 2) end)
--   t.done()
--
-- Each test must leave as many live tensors and bytes as it found. The last line printed is
-- "N passed, N failed"; the exit status says the same.
local t = { passed = 0, failed = 0, skipped = 0 }

local has_engine, ss = pcall(require, "semisam")
if not has_engine then ss = nil end

local function text(v, depth)
  depth = depth or 0
  if type(v) == "string" then return ("%q"):format(#v > 400 and v:sub(1, 400) .. "..." or v) end
  if type(v) ~= "table" or getmetatable(v) or depth > 4 then return tostring(v) end
  local parts = {}
  for i, x in ipairs(v) do
    if i > 24 then
      parts[#parts + 1] = ("... (%d)"):format(#v)
      break
    end
    parts[#parts + 1] = text(x, depth + 1)
  end
  local keys = {}
  for k in pairs(v) do
    if math.type(k) ~= "integer" or k < 1 or k > #v then keys[#keys + 1] = k end
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, k in ipairs(keys) do
    parts[#parts + 1] = ("%s=%s"):format(tostring(k), text(v[k], depth + 1))
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end
t.text = text

local function same(a, b)
  if a == b or (a ~= a and b ~= b) then return true end
  if type(a) ~= "table" or type(b) ~= "table" or getmetatable(a) or getmetatable(b) then return false end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

local function fail(message, label)
  error((label and label .. ": " or "") .. message, 3)
end

---Equal values; tables are compared by contents.
function t.eq(got, want, label)
  if not same(got, want) then fail(("got %s, want %s"):format(text(got), text(want)), label) end
end

---Different values.
function t.ne(got, other, label)
  if same(got, other) then fail(("got %s, want anything else"):format(text(got)), label) end
end

local function near(a, b, tol)
  if type(a) == "table" and type(b) == "table" then
    if #a ~= #b then return false, #a, #b end
    for i = 1, #a do
      local ok, x, y = near(a[i], b[i], tol)
      if not ok then return false, x, y end
    end
    return true
  end
  if a == b or (a ~= a and b ~= b) then return true end
  return math.abs(a - b) <= tol, a, b
end

---Numbers, or nested lists of them, that differ by at most `tol` (default 1e-6).
function t.near(got, want, tol, label)
  local ok, a, b = near(got, want, tol or 1e-6)
  if not ok then
    fail(("got %s, want %s within %g: %s against %s"):format(text(a), text(b), tol or 1e-6, text(got),
      text(want)), label)
  end
end

---A value that is neither nil nor false; returns it.
function t.ok(v, label)
  if not v then fail(("got %s, want a true value"):format(text(v)), label) end
  return v
end

---A string that matches a Lua pattern.
function t.match(s, pattern, label)
  if type(s) ~= "string" or not s:find(pattern) then
    fail(("got %s, want a match of %q"):format(text(s), pattern), label)
  end
end

---A function that raises an error whose text matches `pattern`; returns the error.
function t.raises(f, pattern, label)
  local ok, err = pcall(f)
  if ok then fail(("no error, want one matching %q"):format(pattern or ".*"), label) end
  if pattern and not tostring(err):find(pattern) then
    fail(("error %q does not match %q"):format(tostring(err), pattern), label)
  end
  return err
end

local function live()
  if not ss or not ss.live then return 0, 0 end
  collectgarbage()
  collectgarbage()
  return ss.live()
end

local function handler(err)
  if type(err) == "table" and err.skip then return err end
  return debug.traceback(tostring(err), 2)
end

---Runs one test. `options.leaks = false` leaves out the check of live tensors (say why at the call).
function t.test(name, f, options)
  local tensors, bytes = live()
  local ok, err = xpcall(f, handler)
  if not ok and type(err) == "table" and err.skip then
    t.skipped = t.skipped + 1
    print(("skip %s: %s"):format(name, err.skip))
    return
  end
  if ok and not (options and options.leaks == false) then
    local now, now_bytes = live()
    if now ~= tensors or now_bytes ~= bytes then
      ok, err = false, ("leak: %d tensors (%d bytes) before, %d (%d) after"):format(tensors, bytes,
        now, now_bytes)
    end
  end
  if ok then
    t.passed = t.passed + 1
  else
    t.failed = t.failed + 1
    print(("FAIL %s\n  %s"):format(name, tostring(err):gsub("\n", "\n  ")))
  end
end

---Leaves the running test, counted as skipped, and prints the reason.
function t.skip(reason) error({ skip = reason }, 0) end

---A new empty directory, removed by t.done.
function t.tmpdir()
  local pipe = assert(io.popen("mktemp -d"))
  local dir = pipe:read("l")
  pipe:close()
  t.dirs = t.dirs or {}
  t.dirs[#t.dirs + 1] = dir
  return dir
end

---Prints the totals and ends the program.
function t.done()
  for _, dir in ipairs(t.dirs or {}) do os.execute(("rm -rf '%s'"):format(dir)) end
  io.write(("%d passed, %d failed%s\n"):format(t.passed, t.failed,
    t.skipped > 0 and (", %d skipped"):format(t.skipped) or ""))
  os.exit(t.failed == 0 and t.passed + t.skipped > 0, true)
end

return t
