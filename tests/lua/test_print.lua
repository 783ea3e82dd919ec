-- Tensors as text: bounded, and telling.
local t = require "tests.lib.t"
local print_tensor = require "semisam.print"
local ss = require "semisam"

local function lines(text)
  local list = {}
  for line in (text .. "\n"):gmatch("(.-)\n") do list[#list + 1] = line end
  return list
end

t.test("header, statistics, elements", function()
  local text = lines(print_tensor.tensor(ss.tensor { { 1, 2 }, { 3, 6.5 } }))
  t.eq(text[1], "f32 [2, 2]  cpu  16 B")
  t.eq(text[2], "  min 1   mean 3.125   max 6.5   std 2.0729   nan 0")
  t.eq(text[3], "    1    2")
  t.eq(text[4], "    3  6.5")
end)

t.test("strided views are read where they lie", function()
  local x = ss.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
  local y = x:permute { 2, 1 }
  local text = lines(print_tensor.tensor(y))
  t.eq(text[1], "f32 [3, 2]  cpu  24 B")
  t.eq({ text[3], text[4], text[5] }, { "  1  4", "  2  5", "  3  6" })
  t.match(text[2], "min 1   mean 3.5   max 6 ")
end)

t.test("not more than a few lines, whatever the size", function()
  for _, shape in ipairs { { 100000 }, { 300, 300 }, { 3, 4, 50, 60 }, { 2, 2, 2, 2, 2, 2, 9, 90 } } do
    local text = print_tensor.tensor(ss.uniform(shape, 1))
    t.ok(#lines(text) <= 11, text)
    for _, line in ipairs(lines(text)) do t.ok(#line <= 120, line) end
  end
end)

t.test("not-a-numbers are counted and left out", function()
  local text = print_tensor.tensor(ss.tensor { 0 / 0, 1 / 0, -1 / 0, 2, 4 })
  t.match(text, "min 2   mean 3   max 4   std 1   nan 1   inf 2")
  t.match(print_tensor.tensor(ss.tensor { 0 / 0 }), "no finite element   nan 1")
end)

t.test("labels are counted by class", function()
  local text = print_tensor.tensor(ss.tensor({ 0, 0, 0, 2 }, { dtype = "u8" }))
  t.match(text, "0: 3 %(75%.0 %%%)   2: 1 %(25%.0 %%%)")
  t.match(print_tensor.tensor(ss.tensor({ true, false, true }, { dtype = "bool" })), "true 2   false 1")
  t.match(print_tensor.tensor(ss.tensor({ -5, 1000 }, { dtype = "i64" })), "min %-5   mean 497.5   max 1000")
end)

t.test("types, scalars, empty and meta", function()
  for _, dtype in ipairs { "f16", "bf16", "f32", "i32", "i64", "u8" } do
    t.match(print_tensor.tensor(ss.tensor({ 1, 2, 3 }, { dtype = dtype })), "min 1   mean 2   max 3", dtype)
  end
  t.eq(print_tensor.tensor(ss.tensor(2.5)), "f32 []  cpu  4 B\n  2.5")
  t.eq(print_tensor.tensor(ss.zeros { 0, 3 }), "f32 [0, 3]  cpu  0 B\n  empty")
  t.match(print_tensor.tensor(ss.zeros({ 4 }, { device = "meta" })), "meta  16 B\n  %(no values")
end)

t.test("tostring is the summary; a released tensor says so", function()
  local x = ss.ones { 2 }
  t.eq(tostring(x), print_tensor.tensor(x))
  x:release()
  t.match(tostring(x), "released")
end)

t.test("the spread of nearly equal numbers survives", function()
  local x = ss.uniform({ 1000 }, 1) * 1e-2 + 1000
  local s = ss._stats(x)
  t.near(s.std, 0.01 / math.sqrt(12), 3e-4)
end)

t.done()
