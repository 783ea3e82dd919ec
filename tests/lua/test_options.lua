-- Options of commands, failures with a status, nearest names, undeclared names.
local t = require "tests.lib.t"
local fail = require "semisam.fail"
local options = require "semisam.options"
local spell = require "semisam.spell"
local strict = require "semisam.strict"

local command = {
  summary = "do something", positional = { "out", "more" },
  options = {
    out = { "output", required = true, doc = "where" },
    n = { "integer", default = 4, min = 1, max = 10, doc = "how many" },
    x = { "number", doc = "a factor" },
    size = { "numbers", default = { 1, 2, 3 }, count = 3, doc = "voxels" },
    kind = { "string", default = "box", choices = { "box", "ball" }, doc = "shape" },
    names = { "words", doc = "some words" },
    force = { "boolean", doc = "replace" },
    dry_run = { "boolean", default = true, doc = "only say" },
    more = { "inputs", doc = "files" },
  },
}

local function parse(...) return options.parse("thing", command, { ... }) end

t.test("defaults and the forms of an option", function()
  t.eq(parse "out=a",
    { out = "a", n = 4, size = { 1, 2, 3 }, kind = "box", force = false, dry_run = true })
  for _, form in ipairs { { "a", "n=7" }, { "--n=7", "a" }, { "--n", "7", "--out", "a" },
    { "n=7", "--out=a" } } do
    local o = parse(table.unpack(form))
    t.eq({ o.out, o.n }, { "a", 7 })
  end
  t.eq(parse("a", "--force").force, true)
  t.eq(parse("a", "--no-dry-run").dry_run, false)
  t.eq(parse("a", "--dry-run=no").dry_run, false)
  t.eq(parse("a", "size=5").size, { 5, 5, 5 })
  t.eq(parse("a", "size={4,5,6}").size, { 4, 5, 6 })
  t.eq(parse("a", "names=p,q").names, { "p", "q" })
  t.eq(parse("a", "x=-1e-3").x, -1e-3)
  t.eq(parse("/a=b/c.d").out, "/a=b/c.d")
  t.eq(parse("a", "/", ".").more, { "/", "." })
  local first = parse "a"
  first.size[1] = 99
  t.eq(parse("a").size[1], 1)
end)

local function refused(pattern, ...)
  local args = { ... }
  local err = t.raises(function() options.parse("thing", command, args) end, pattern)
  return fail.status_of(err)
end

t.test("refusals", function()
  t.eq(refused("thing: out is missing %(where%); see `semisam help thing`"), 2)
  t.eq(refused("n should be from 1 to 10, got 11", "a", "n=11"), 2)
  t.eq(refused("n expects a whole number, got '2.5'", "a", "n=2.5"), 2)
  t.eq(refused("kind should be one of box, ball, got 'bal'; did you mean 'ball'", "a", "kind=bal"), 2)
  t.eq(refused("unknown option 'siez'; did you mean 'size'", "a", "siez=3"), 2)
  t.eq(refused("size expects 3 numbers, got 2", "a", "size=1,2"), 2)
  t.eq(refused("size expects numbers", "a", "size={x}"), 2)
  t.eq(refused("out is given twice", "out=a", "out=b"), 2)
  t.eq(refused("/no/such: No such file", "a", "/no/such"), 66)
  t.eq(refused("n needs a value", "a", "--n"), 2)
end)

t.test("help shows every option", function()
  local text = options.help("thing", command)
  t.match(text, "^usage: semisam thing OUT %[MORE %.%.%.%] %[key=value %.%.%.%]\n\ndo something\n")
  t.match(text, "\n  kind=box|ball +shape %[box%]\n")
  t.match(text, "\n  out=PATH +where %[required%]\n")
end)

t.test("failures carry a status; other errors have none", function()
  for name, status in pairs { usage = 2, data = 65, input = 66, create = 73, io = 74, recipe = 78,
    plain = 1 } do
    local err = t.raises(function() fail[name]("%s %d%%", name, 5) end, name .. " 5%%$")
    t.eq(fail.status_of(err), status)
  end
  t.eq(fail.status_of("text"), nil)
  t.eq(fail.status_of(setmetatable({ status = 3 }, {})), nil)
  t.eq(tostring(t.raises(function() fail.data("100 % as it is") end)), "100 % as it is")
end)

t.test("the nearest name", function()
  local words = { "momentum", "steps", "step", "lr", "optim" }
  t.eq(spell.nearest("momentun", words), "momentum")
  t.eq(spell.nearest("mometnum", words), "momentum")
  t.eq(spell.nearest("STEPS", words), "steps")
  t.eq(spell.nearest("momen", words), "momentum")
  t.eq(spell.nearest("zzz", words), nil)
  t.eq(spell.nearest("", words), nil)
  t.eq(spell.hint("stpes", words), "; did you mean 'steps'?")
  t.eq(spell.nearest(("x"):rep(1e6), words), nil)
end)

t.test("undeclared names are errors where the rule holds", function()
  local function run(source, text) return pcall(assert(load(text, source, "t"))) end
  strict.add "@strict_chunk"
  local ok, err = run("@strict_chunk", "return prnit")
  t.eq(ok, false)
  t.match(err, "strict_chunk:1: undeclared name 'prnit'; did you mean 'print'")
  t.match(select(2, run("@strict_chunk", "newname = 1")),
    "undeclared name 'newname'; write `local newname`")
  t.eq({ run("@other_chunk", "return prnit") }, { true })
end)

t.done()
