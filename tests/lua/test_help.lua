-- help and apropos answer for operations, functions, modules and names that do not exist.
local t = require "tests.lib.t"
local help = require "semisam.help"
local ss = require "semisam"

t.test("operations by name, by value and as a method", function()
  local text = help.text "conv3d"
  t.match(text, "^conv3d%(x: float, weight: float")
  t.eq(help.text(ss.conv3d), text)
  t.eq(help.text "ss.conv3d", text)
  t.eq(help.text "x:conv3d", text)
  t.match(help.text "argmax", "no gradient")
  t.match(help.text "add_", "changes its first argument")
end)

t.test("functions show their comment and place", function()
  local text = help.text(require("semisam.config").extend)
  t.match(text, "^function config%.extend%(base, changes%)\nA deep copy of `base`")
  t.match(text, "config%.lua:%d+$")
  t.eq(help.text "config.extend", text)
  t.match(help.text(print), "written in C")
end)

t.test("modules show what they are and hold", function()
  t.match(help.text "config", "^Recipes as data.*\nsemisam%.config: copy%(%)  extend%(%)")
  t.match(help.text(require "semisam.spell"), "semisam%.spell: ")
  t.match(help.text { a = 1, b = print }, "table: a  b%(%)")
end)

t.test("unknown names get the nearest", function()
  t.match(help.text "cnov3d", "nothing is known about 'cnov3d'; did you mean 'conv3d'%?")
  t.match(help.text "zzzzzzzz", "^nothing is known about 'zzzzzzzz'; apropos")
  t.match(help.text(""), "nothing is known")
  t.match(help.text(), "Try\n")
  t.eq(help.text(42), "42")
end)

t.test("every public name of ss can be asked for", function()
  for _, op in ipairs(ss.ops()) do t.match(help.text(op.name), "^[%w_]+%(") end
  for name, value in pairs(ss) do
    if type(name) == "string" and name:sub(1, 1) ~= "_" then t.eq(type(help.text(value)), "string", name) end
  end
end)

t.test("apropos finds operations and library functions", function()
  local text = help.apropos "norm"
  t.match(text, "\nlayer_norm +%u")
  t.match(help.apropos "nearest", "spell%.nearest")
  t.eq(help.apropos "qqqqq", "nothing mentions 'qqqqq'")
  t.raises(function() help.apropos() end, "expected a word")
  for line in (text .. "\n"):gmatch("(.-)\n") do t.ok(#line < 300, line) end
end)

t.test("every documented function of the library has a sentence", function()
  local n = 0
  for _, f in ipairs(help.functions()) do
    n = n + 1
    t.match(f.doc, "^%S", f.module .. "." .. f.name)
  end
  t.ok(n > 20, n)
end)

t.done()
