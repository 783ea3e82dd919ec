-- extend, overrides and the printer of resolved recipes.
local t = require "tests.lib.t"
local config = require "semisam.config"

local function base()
  return {
    name = "base", steps = 100, lr = 0.1, data = false, verbose = true,
    patch = { 96, 96, 96 }, extra = {}, student = { "slicing", width = 16, deep = { on = true } },
    optim = { "sgd", lr = 0.01, momentum = 0.9 }, step = function() return 1 end,
  }
end

t.test("extend copies deeply and changes only what is named", function()
  local b = base()
  local e = config.extend(b, { lr = 0.5, student = { deep = { on = false } }, patch = { 32, 32 } })
  t.eq(e.lr, 0.5)
  t.eq(e.student, { "slicing", width = 16, deep = { on = false } })
  t.eq(e.patch, { 32, 32 })
  t.eq(b, config.extend(b, {}))
  t.eq(b.student.deep.on, true)
  t.eq(e.step, b.step)
  e.optim.lr = 7
  t.eq(b.optim.lr, 0.01)
end)

t.test("objects are shared, not merged", function()
  local object = setmetatable({ a = 1 }, { __name = "thing" })
  local e = config.extend({ aug = object, list = { object } }, {})
  t.ok(rawequal(e.aug, object))
  t.ok(rawequal(e.list[1], object))
end)

t.test("unknown keys are refused with the nearest name", function()
  local b = base()
  t.raises(function() config.extend(b, { step_s = 1 }) end,
    "unknown setting 'step_s'; did you mean 'step")
  t.raises(function() config.extend(b, { optim = { momentun = 1 } }) end,
    "unknown setting 'optim%.momentun'; did you mean 'optim%.momentum'%?")
  t.raises(function() config.extend(b, { momentum = 1 }) end, "did you mean 'optim%.momentum'%?")
  t.raises(function() config.extend(b, { zzzzzzz = 1 }) end, "the recipe has: data, extra, lr, name")
  t.raises(function() config.extend(b, { [3] = 1 }) end, "unknown setting '3'")
end)

t.test("the error points at the caller's line", function()
  t.match(tostring(t.raises(function() config.extend(base(), { nope_nope = 1 }) end)),
    "test_config.lua:%d+: extend: unknown setting 'nope_nope'")
end)

t.test("types are kept", function()
  local b = base()
  t.raises(function() config.extend(b, { steps = "many" }) end,
    "setting 'steps' expects a number, got the string \"many\"")
  t.raises(function() config.extend(b, { patch = 96 }) end,
    "'patch' expects a list such as {96, %.%.%.}")
  t.raises(function() config.extend(b, { patch = { 1, "b", 3 } }) end, "'patch%[2%]' expects a number")
  t.raises(function() config.extend(b, { patch = { z = 1 } }) end,
    "'patch' expects a list, got a table with z")
  t.raises(function() config.extend(b, { step = 3 }) end, "'step' expects a function, got the number 3")
  t.raises(function() config.extend(b, { optim = "adam" }) end,
    "'optim' expects a table with 1, lr, momentum")
  t.raises(function() config.extend(b, { steps = false }) end, "'steps' expects a number")
  t.raises(function() config.extend(b, { verbose = 1 }) end, "'verbose' expects true or false")
  t.raises(function() config.extend(3, {}) end, "base should be a table, got the number 3")
  t.raises(function() config.extend({}, nil) end, "changes should be a table")
end)

t.test("false is 'not given': it takes anything and can be restored", function()
  local e = config.extend(base(), { data = "dir" })
  t.eq(e.data, "dir")
  local f = config.extend(e, { data = false })
  t.eq(f.data, false)
  t.eq(config.extend(f, { data = { 1 } }).data, { 1 })
  t.eq(config.extend(base(), { step = false }).step, false)
  t.eq(type(config.extend(config.extend(base(), { step = false }), { step = print }).step), "function")
end)

t.test("open tables take any keys, also after a change", function()
  local e = config.extend(base(), { extra = { a = 1, b = { c = 2 } } })
  t.eq(e.extra, { a = 1, b = { c = 2 } })
  t.eq(config.extend(e, { extra = { d = 3 } }).extra.d, 3)
  local o = config.open { known = 1 }
  t.eq(config.extend({ o = o }, { o = { new = 2 } }).o, { known = 1, new = 2 })
  t.raises(function() config.extend({ o = o }, { o = { known = "x" } }) end, "'o.known' expects a number")
end)

t.test("a change of kind replaces the table", function()
  t.eq(config.extend(base(), { optim = { "adamw", betas = { 0.9, 0.99 } } }).optim,
    { "adamw", betas = { 0.9, 0.99 } })
  t.eq(config.extend(base(), { optim = { "sgd", lr = 1 } }).optim, { "sgd", lr = 1, momentum = 0.9 })
end)

t.test("values of the command line", function()
  for text, want in pairs {
    ["3"] = 3, ["-1e-3"] = -1e-3, ["0x10"] = 16, ["true"] = true, ["false"] = false, word = "word",
    ["a b"] = "a b", ['"3"'] = "3", ["'x,y'"] = "x,y", ["{1,2,3}"] = { 1, 2, 3 }, ["{}"] = {},
    ["{ a = 1, b={2,'c'} , }"] = { a = 1, b = { 2, "c" } }, ["/data/x=y"] = "/data/x=y",
    ["{one, two}"] = { "one", "two" },
  } do
    t.eq(config.value(text), want, text)
  end
  for text, problem in pairs {
    [""] = "missing", ["{1"] = "expected ','", ['"abc'] = "not closed", ["{1}x"] = "unexpected 'x'",
    ["{,}"] = "missing", ["{"] = "missing", ["{a=}"] = "missing",
    [("{"):rep(100)] = "too deep", ["'a' b"] = "unexpected",
  } do
    local v, why = config.value(text)
    t.eq(v, nil, text)
    t.match(why, problem, text)
  end
end)

t.test("overrides", function()
  local b = base()
  local e = config.override(b, { "steps=5", "optim.lr=0.2", "student.deep.on=false", "patch={8,8,8}",
    "name=007", "data=/some/dir", "extra.x.y=3", "patch.2=9", "optim.1=sgd" })
  t.eq({ e.steps, e.optim.lr, e.student.deep.on, e.patch, e.name, e.data, e.extra.x.y },
    { 5, 0.2, false, { 8, 9, 8 }, "007", "/some/dir", 3 })
  t.eq(b.steps, 100)
  for text, pattern in pairs {
    ["stepps=5"] = "unknown setting 'stepps'; did you mean 'steps'%?",
    ["steps"] = "expected key=value, got 'steps'", ["=3"] = "expected key=value",
    ["optim..lr=1"] = "expected key=value", ["optim.=1"] = "expected key=value",
    ["steps=abc"] = "expects a number, got the string \"abc\"", ["steps="] = "a value is missing",
    ["steps.x=1"] = "setting 'steps' is the number 100; it has no 'x'",
    ["optim.nope.x=1"] = "unknown setting 'optim.nope'", ["patch.7=1"] = "unknown setting 'patch.7'",
    ["step=1"] = "expects a function", ["patch={1"] = "setting 'patch': expected",
    ["os.execute('x')=1"] = "expected key=value",
  } do
    t.raises(function() config.override(b, { text }) end, pattern, text)
  end
  t.raises(function() config.override(b, { "steps=1", "steps=2" }) end, "'steps' is given twice")
end)

t.test("show gives Lua text that loads to the same settings", function()
  local b = base()
  b.weird = { ["a b"] = 1, ["end"] = 2, inf = math.huge, third = 1 / 3, text = "a\n\"b\"\\", n = -0.1 }
  local text = config.show(b)
  t.match(text, "%-%- step: function at .*test_config%.lua:%d+")
  local back = assert(load(text, "show", "t", { math = math }))()
  b.step = nil
  t.eq(back, b)
  t.eq(config.show(back), config.show(assert(load(config.show(back), "show", "t", { math = math }))()))
end)

t.test("show survives cycles and objects", function()
  local a = { x = 1 }
  a.me = a
  a.object = setmetatable({}, { __tostring = function() return "thing\nwith lines" end })
  local text = config.show(a)
  t.match(text, "%-%- me: a table that contains itself")
  t.match(text, "%-%- object: thing %.%.%.")
  t.eq(assert(load(text, "show", "t", {}))(), { x = 1 })
  t.raises(function() config.copy(a) end, "nest deeper than 32")
end)

t.test("in open tables lists and kinds are replaced, names merged", function()
  local study = { seeds = config.open { 0, 1, 2 }, net = config.open { "unet3d", base = 8 } }
  t.eq(config.override(study, { "seeds={7}" }).seeds, { 7 })
  t.eq(config.override(study, { "net={vnet, width=4}" }).net, { "vnet", width = 4 })
  t.eq(config.override(study, { "net={unet3d, levels=2}" }).net, { "unet3d", base = 8, levels = 2 })
  t.eq(config.override(study, { "net.levels=3" }).net, { "unet3d", base = 8, levels = 3 })
end)

t.test("a function may take a word's place, and a word a function's", function()
  local words = { ramp = "linear", weigh = function(x) return x end, n = 1 }
  local f = function(x) return 2 * x end
  t.eq(config.extend(words, { ramp = f }).ramp, f)
  t.eq(config.extend(words, { weigh = "mean" }).weigh, "mean")
  t.raises(function() config.extend(words, { n = f }) end, "expects a number, got a function")
end)

t.done()
