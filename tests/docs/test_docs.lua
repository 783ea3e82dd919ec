-- Documentation that cannot rot: generated pages are current, examples load, commands and links exist.
local t = require "tests.lib.t"
local ss = require "semisam"
local system = require "semisam.system"

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read("a")
  f:close()
  return text
end

local function pages()
  local out = { "README.md", "kernels/README.md", "recipes/README.md", "tests/README.md" }
  local function walk(dir)
    for _, name in ipairs(system.list(dir) or {}) do
      local path = dir .. "/" .. name
      if name:find("%.md$") then out[#out + 1] = path end
      if system.kind(path) == "folder" then walk(path) end
    end
  end
  walk "docs"
  local found = {}
  for _, path in ipairs(out) do
    if system.kind(path) == "file" then found[#found + 1] = path end
  end
  return found
end

local function blocks(text, language)
  local out = {}
  for body in ("\n" .. text):gmatch("\n```" .. language .. "\n(.-)\n```") do out[#out + 1] = body end
  return out
end

t.test("generated pages are current: semisam docs/gen.lua", function()
  local dir = t.tmpdir()
  assert(loadfile("docs/gen.lua", "t"))(dir)
  for _, path in ipairs { "docs/reference/ops.md", "docs/reference/lua.md", "lua/meta/semisam.lua" } do
    t.ok(read(dir .. "/" .. path) == read(path), path .. " is not what docs/gen.lua writes")
  end
  t.ok(loadfile("lua/meta/semisam.lua", "t"))
end)

t.test("every operation says what it does", function()
  for _, op in ipairs(ss.ops()) do t.match(op.doc, "^%S.*%.", op.name) end
end)

t.test("fenced Lua compiles", function()
  local n = 0
  for _, path in ipairs(pages()) do
    for _, body in ipairs(blocks(read(path), "lua")) do
      n = n + 1
      local chunk, message = load(body, "=" .. path, "t")
      t.ok(chunk, message)
    end
  end
  t.ok(n > 0)
end)

t.test("lines at the prompt compile", function()
  for _, path in ipairs(pages()) do
    for line in read(path):gmatch("\n> ([^\n]*)") do
      t.ok(load("return " .. line) or load(line), path .. ": " .. line)
    end
  end
end)

t.test("commands and files named in shell examples exist", function()
  local n = 0
  for _, path in ipairs(pages()) do
    local text = read(path)
    for _, body in ipairs(table.move(blocks(text, "sh"), 1, 99, 1, {})) do
      for line in (body .. "\n"):gmatch("(.-)\n") do
        local command = line:gsub("^%s*[%u_]+=%S+%s+", "") -- a variable set for the command
        local word = command:match("^%s*%S*semisam%s+([%w_./%-]+)")
        if word and not word:find("^%-") and not word:find("^[A-Z]") then
          n = n + 1
          local known = word == "help" or system.kind(word)
            or system.kind("lua/semisam/commands/" .. word .. ".lua")
          t.ok(known, path .. ": " .. line)
        end
      end
    end
  end
  t.ok(n > 0)
end)

t.test("links lead somewhere", function()
  for _, path in ipairs(pages()) do
    local folder = path:match("^(.*)/") or "."
    for target in read(path):gmatch("%]%(([^)#]+)[^)]*%)") do
      if not target:find("^%a+:") then
        t.ok(system.kind(folder .. "/" .. target), path .. " -> " .. target)
      end
    end
  end
end)

t.done()
