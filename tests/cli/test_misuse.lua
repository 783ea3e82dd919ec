-- Every command misused in at least ten ways, made from its own options: one clear sentence, a status
-- that is not zero, and not a file left behind.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local spell = require "semisam.spell"
local ss = require "semisam"
local system = require "semisam.system"
local paths = require "semisam.paths"

-- A value that an option accepts, as text.
local function good(spec, dir)
  if spec.choices then return spec.choices[1] end
  local kind = spec[1]
  if kind == "input" or kind == "inputs" then return dir end
  if kind == "output" then return dir .. "/made-by-misuse" end
  if kind == "number" or kind == "integer" then return tostring(spec.default or spec.min or 1) end
  if kind == "numbers" then return table.concat(spec.default or { 1, 1, 1 }, ",", 1, spec.count) end
  return kind == "boolean" and "true" or "word"
end

-- The required options with good values, except `without`.
local function required(c, dir, without)
  local args = {}
  for _, key in ipairs(spell.keys(c.options or {})) do
    if c.options[key].required and key ~= without then
      local value = key == "recipe" and "recipes/semi_sam_plus.lua" or good(c.options[key], dir)
      args[#args + 1] = key .. "=" .. value
    end
  end
  return args
end

local function with(args, ...) return table.move({ ... }, 1, select("#", ...), #args + 1, args) end

-- Wrong texts for an option: { text, status, pattern }.
local function wrong(key, spec)
  local kind = spec[1]
  if kind == "input" or kind == "inputs" then
    return { { "/no/such/path", 66, "/no/such/path: No such file" }, { "", 2, key .. " expects a path" } }
  end
  if kind == "output" then return { { "", 2, key .. " expects a path" } } end
  if kind == "boolean" then return { { "maybe", 2, key .. " expects true or false, got 'maybe'" } } end
  if kind == "integer" or kind == "number" then
    local list = { { "abc", 2, key .. " expects a .*number, got 'abc'" }, { "", 2, key .. " expects" } }
    if kind == "integer" then list[#list + 1] = { "1.5", 2, "whole number, got '1.5'" } end
    list[#list + 1] = { "nan", 2, key .. " expects" }
    if spec.min then list[#list + 1] = { ("%d"):format(spec.min // 1 - 1), 2, key .. " should be from" } end
    if spec.max then list[#list + 1] = { "1e18", 2, key .. " should be from" } end
    return list
  end
  if kind == "numbers" then
    local list = { { "a,b,c", 2, key .. " expects numbers" }, { "{1,2", 2, key .. " expects numbers" } }
    local seven = (tostring(spec.min or 1) .. ","):rep(7)
    if spec.count then list[#list + 1] = { seven, 2, "numbers, got 7" } end
    return list
  end
  if spec.choices then return { { "zzz", 2, key .. " should be one of" } } end
  return {}
end

for _, file in ipairs(assert(system.list(paths.root .. "/lua/semisam/commands"))) do
  local name = file:match("^([%w_]+)%.lua$")
  local c = require("semisam.commands." .. name)
  t.test(name, function()
    local dir = t.tmpdir()
    local ways = 0
    local function refused(status, pattern, args)
      ways = ways + 1
      run.refuses(t, with({ name }, table.unpack(args)), status, pattern, { limit = 20 })
    end
    t.match(c.summary, "^%S.*[^.]$", "summary")
    -- other words of a command that has a recipe are settings of it
    local settings = c.settings and c.options.recipe.required
    local unknown = settings and "setting" or "option"
    refused(settings and 78 or 2, ("%s: unknown %s 'zzz_zzz'"):format(name, unknown),
      with(required(c, dir), "zzz_zzz=1"))
    refused(2, name .. ": unknown option '%-zzz%-zzz'", with(required(c, dir), "-zzz-zzz"))
    refused(2, name .. ": unknown option 'zzz_zzz'", with(required(c, dir), "--zzz-zzz", "1"))
    refused(2, "unknown option 'helpp'", with(required(c, dir), "--helpp"))
    refused(2, "unknown option '%-%-'", with(required(c, dir), "--"))
    refused(settings and 78 or 2, ("unknown %s 'x'"):format(unknown),
      with(required(c, dir), "--x=" .. ("y"):rep(100000)))
    if #(c.positional or {}) == 0 then refused(2, "unexpected 'stray'", { "stray" }) end
    for _, key in ipairs(spell.keys(c.options or {})) do
      local spec = c.options[key]
      t.match(spec.doc, "^%S", key .. " has a description")
      if spec.required then refused(2, key .. " is missing", required(c, dir, key)) end
      for _, w in ipairs(wrong(key, spec)) do
        refused(w[2], w[3], with(required(c, dir, key), key .. "=" .. w[1]))
      end
      if spec[1] ~= "inputs" then
        local given = key .. "=" .. good(spec, dir)
        refused(2, key .. " is given twice", with(required(c, dir, key), given, given))
      end
      if spec[1] ~= "boolean" then
        refused(2, key .. " needs a value", with(required(c, dir, key), "--" .. key))
      end
    end
    t.eq(ss.fs.list(dir), {}, "left behind")
    t.ok(ways >= 7, ways)
    local r = run.semisam { name, "--help" }
    t.eq({ r.status, r.err }, { 0, "" })
    for _, key in ipairs(spell.keys(c.options or {})) do t.match(r.out, "\n  " .. key .. "=", key) end
  end)
end

t.done()
