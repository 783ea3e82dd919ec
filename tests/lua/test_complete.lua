-- Completion is a function of the line and the cursor: no terminal needed.
local t = require "tests.lib.t"
local complete = require "semisam.complete"
local ss = require "semisam"

local env = {
  ss = ss, math = math, apple = { core = { seed = 1, stem = print }, peel = 2, _secret = 3 }, apricot = 1,
  text = "abc", x = ss.zeros { 2, 3 }, print = print,
}
env.object = setmetatable({ own = 1 }, { __index = { method = print } })
env.trap = setmetatable({}, { __index = function() error("metamethod was run") end })

local function list(line, cursor) return (complete.list(line, cursor or #line, env)) end

local function has(line, ...)
  local set = {}
  for _, name in ipairs(list(line)) do set[name] = true end
  for _, name in ipairs { ... } do t.ok(set[name], line .. " -> " .. name) end
end

t.test("globals, fields, chains", function()
  t.eq(list "ap", { "apple", "apricot" })
  t.eq(list "apple.", { "core", "peel" })
  t.eq(list "apple._", { "_secret" })
  t.eq(list "apple.core.s", { "seed", "stem" })
  t.eq(list "y = 3 + apple.core.se", { "seed" })
  t.eq(list "apple.nothing.s", {})
  t.eq(list "nothing.s", {})
  t.eq(list "wh", { "while" })
  t.eq(list("apple.pe + 1", 8), { "peel" })
  has("math.m", "max", "min", "maxinteger")
end)

t.test("methods", function()
  t.eq(list "object:", { "method" })
  t.eq(list "object.", { "method", "own" })
  has("text:", "gsub", "upper")
  has("x:", "sum", "reshape", "totable", "backward")
  has("x.", "shape", "dtype", "sum")
  for _, name in ipairs(list "x:") do t.ok(name ~= "shape" and name:sub(1, 1) ~= "_", name) end
end)

t.test("the library's parts", function()
  has("ss.", "uniform", "config", "nn", "zeros")
  has("ss.config.", "extend", "override")
end)

t.test("option names of operations", function()
  t.eq(list "x:sum({", { "dims = ", "keepdim = " })
  t.eq(list "ss.sum(x, {ke", { "keepdim = " })
  t.eq(list "x:sum({dims = {1}, ", { "keepdim = " })
  t.eq(list "x:sum{", { "dims = ", "keepdim = " })
  t.eq(list "x:sum({keepdim = ap", { "apple", "apricot" })
  t.eq(list "x:nosuch({ap", { "apple", "apricot" })
end)

t.test("file names in strings", function()
  local dir = t.tmpdir()
  for _, name in ipairs { "volume.nii", "volume2.nii.gz", ".hidden" } do
    local f = assert(io.open(dir .. "/" .. name, "w"))
    f:close()
  end
  os.execute(("mkdir '%s/vol'"):format(dir))
  local line = ("open('%s/vol"):format(dir)
  t.eq(list(line), { dir .. "/vol/", dir .. "/volume.nii", dir .. "/volume2.nii.gz" })
  t.eq(list(("open(\"%s/"):format(dir)), { dir .. "/vol/", dir .. "/volume.nii", dir .. "/volume2.nii.gz" })
  t.eq(list "open('/no/such/folder/", {})
end)

t.test("nothing runs and nothing is offered where nothing can stand", function()
  t.eq(list "trap.x.", {})
  t.eq(list "trap.", {})
  t.eq(list "f().x", {})
  t.eq(list "a[1].x", {})
  t.eq(list "1.5", {})
  t.eq(list "x -- comment ap", {})
  for _, line in ipairs { "", "'", "{", "(((", "x:sum({{", "\\", "'\\", "]]", "a..b", "..", ":", "x::" } do
    t.eq(type(list(line)), "table", line)
  end
end)

t.test("the Tab key", function()
  local insert, show = complete.key("ss.unifo", 8, env)
  t.eq({ insert, show }, { "rm" })
  insert, show = complete.key("math.m", 6, env)
  t.eq(insert, nil)
  t.match(show, "max +maxinteger")
  t.eq({ complete.key("zzzz", 4, env) }, {})
end)

t.done()
