-- Writes the pages that are made from the program itself:
--   docs/reference/ops.md   every operation
--   docs/reference/lua.md   every documented function of the Lua library
--   lua/meta/semisam.lua    types for editors (LuaLS)
-- Run from the source folder: semisam docs/gen.lua [DIR]. DIR stands for the source folder (a test
-- writes elsewhere and compares).
local help = require "semisam.help"
local ss = require "semisam"

local root = (...) or "."

-- ---- operations ------------------------------------------------------------

local function public()
  local list = {}
  for _, op in ipairs(ss.ops()) do
    if not op.internal then list[#list + 1] = op end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

local function properties(op)
  local notes = { op.differentiable and "has a gradient" or "no gradient" }
  if op.inplace then notes[#notes + 1] = "changes its first argument" end
  if op.view then notes[#notes + 1] = "shares the bytes of its first argument" end
  if op.nout > 1 then notes[#notes + 1] = ("%d results"):format(op.nout) end
  return table.concat(notes, "; ")
end

local function ops_page()
  local ops = public()
  local out = {
    "<!-- Written by docs/gen.lua from the operations' descriptors. Change those. -->",
    "# Operations", "",
    "Every operation is `ss.NAME(...)` and, with a tensor first, `x:NAME(...)`. Tensors come",
    "first; what follows may be given in order or by name in a trailing table:",
    "`x:sum({keepdim = true})`.",
    "A `?` marks what may be absent. Axes (`dim`) count from 1, negative ones from the end.", "",
    ("%d operations:"):format(#ops),
  }
  local names = {}
  for i, op in ipairs(ops) do names[i] = ("[%s](#%s)"):format(op.name, op.name) end
  out[#out + 1] = table.concat(names, ",\n")
  for _, op in ipairs(ops) do
    out[#out + 1] = ("\n## %s\n\n```\n%s(%s)\n```\n\n%s\n\n*%s*"):format(op.name, op.name, op.sig,
      op.doc, properties(op))
  end
  return table.concat(out, "\n") .. "\n"
end

-- ---- the Lua library -------------------------------------------------------

local function plain(s) return (s:gsub("`", ""):match "^%s*(.-)%s*$") end

-- "@param x integer text" lines as a list, the rest as it is.
local function doc_text(doc)
  local text, params = {}, {}
  for line in (doc .. "\n"):gmatch("(.-)\n") do
    local tag, rest = line:match("^@(%a+)%s*(.*)$")
    if tag == "param" or tag == "return" then
      params[#params + 1] = ("- %s`%s`"):format(tag == "return" and "returns " or "",
        plain(rest))
    elseif not tag and #params > 0 and line:find "^%s" then -- goes on from the line before
      params[#params] = ("%s %s`"):format(params[#params]:sub(1, -2), plain(line))
    elseif not tag then
      text[#text + 1] = line
    end
  end
  return table.concat(text, "\n"), table.concat(params, "\n")
end

local function lua_page()
  local list = help.functions()
  table.sort(list, function(a, b)
    if a.module ~= b.module then return a.module < b.module end
    return a.name < b.name
  end)
  local out = {
    "<!-- Written by docs/gen.lua from the comments in lua/semisam. Change those. -->",
    "# The Lua library", "",
    "The documented functions, by module. `require \"semisam\"` gives `ss`; most modules are also",
    "its fields, loaded on first use: `ss.nn`, `ss.losses`, `ss.draw`.",
  }
  local module
  for _, f in ipairs(list) do
    if f.module ~= module then
      module = f.module
      out[#out + 1] = ("\n## %s"):format(module)
    end
    local text, params = doc_text(f.doc)
    out[#out + 1] = ("\n### `%s`\n\n%s%s"):format(f.signature, text,
      params ~= "" and "\n\n" .. params or "")
  end
  return table.concat(out, "\n") .. "\n"
end

-- ---- types -----------------------------------------------------------------

local type_of = {
  number = "number", int = "integer", bool = "boolean", dim = "integer",
  int2 = "integer|integer[]", int3 = "integer|integer[]", ints = "integer[]", dims = "integer[]",
  shape = "integer[]", dtype = "ss.dtype",
}

local function param_type(p)
  if p.kind == "tensor" then return "ss.tensor|number" end
  if p.kind == "enum" then
    local words = {}
    for i, w in ipairs(p.choices) do words[i] = ('"%s"'):format(w) end
    return table.concat(words, "|")
  end
  return type_of[p.kind]
end

-- The annotated declarations of an operation, as a function and as a method.
local function declaration(op)
  local lines, names = {}, {}
  for line in (op.doc .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = "---" .. line end
  for i, p in ipairs(op.params) do
    local name = p.variadic and "..." or p.name
    local optional = (p.optional or p.default) and not p.variadic and "?" or ""
    lines[#lines + 1] = ("---@param %s%s %s"):format(name, optional, param_type(p))
    names[i] = name
    if p.variadic then break end -- what follows is given by name
  end
  local results = {}
  for i = 1, op.nout do results[i] = "ss.tensor" end
  if #results > 0 then lines[#lines + 1] = "---@return " .. table.concat(results, ", ") end
  local doc = table.concat(lines, "\n")
  local args = table.concat(names, ", ")
  local text = ("%s\nfunction ss.%s(%s) end\n"):format(doc, op.name, args)
  if op.params[1] and op.params[1].kind == "tensor" and not op.params[1].variadic then
    local method = doc:gsub("%-%-%-@param " .. op.params[1].name .. "%?? [^\n]*\n?", "", 1)
    text = ("%s\n%s\nfunction tensor:%s(%s) end\n"):format(text, method:gsub("\n$", ""), op.name,
      table.concat(names, ", ", 2))
  end
  return text
end

local META = [[
---@meta
-- Written by docs/gen.lua. Types of the engine for editors that know LuaLS annotations.

---@alias ss.dtype "f32"|"bf16"|"f16"|"i64"|"i32"|"u8"|"bool"

---@class ss.tensor
---@field shape integer[]
---@field ndim integer
---@field dtype ss.dtype
---@field device string
---@field count integer
---@field bytes integer
---@field grad ss.tensor?
---@field requires_grad boolean
---@operator add(ss.tensor|number): ss.tensor
---@operator sub(ss.tensor|number): ss.tensor
---@operator mul(ss.tensor|number): ss.tensor
---@operator div(ss.tensor|number): ss.tensor
---@operator pow(ss.tensor|number): ss.tensor
---@operator unm: ss.tensor
local tensor = {}

---@class semisam
local ss = {}

]]

local function meta()
  local out = { META }
  for _, op in ipairs(public()) do out[#out + 1] = declaration(op) .. "\n" end
  out[#out + 1] = "return ss\n"
  return table.concat(out)
end

for path, make in pairs {
  ["docs/reference/ops.md"] = ops_page, ["docs/reference/lua.md"] = lua_page,
  ["lua/meta/semisam.lua"] = meta,
} do
  path = root .. "/" .. path
  ss.fs.mkdir(path:match("^(.*)/"))
  ss.fs.write(path, make())
end
