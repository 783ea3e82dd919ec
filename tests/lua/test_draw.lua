-- Canvas and pictures: what is drawn where, and files that are whole or absent.
local t = require "tests.lib.t"
local canvas = require "semisam.canvas"
local draw = require "semisam.draw"
local ss = require "semisam"

local function png_size(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read("a")
  f:close()
  t.eq(text:sub(1, 8), "\137PNG\r\n\26\n")
  t.eq(text:sub(-8, -5), "IEND")
  return string.unpack(">I4I4", text, 17)
end

local function pixel(c, x, y) return { c:pixel(x, y) } end

t.test("shapes and colours land where they should", function()
  local c <close> = canvas.new(40, 30)
  t.eq({ c:size() }, { 40, 30 })
  t.eq(pixel(c, 0, 0), { 255, 255, 255 })
  c:fill "#102030"
  t.eq(pixel(c, 39, 29), { 16, 32, 48 })
  c:rect(10, 10, 5, 5, { fill = { 1, 0, 0 } })
  t.eq(pixel(c, 12, 12), { 255, 0, 0 })
  t.eq(pixel(c, 16, 12), { 16, 32, 48 })
  c:line({ 0, 5.5, 40, 5.5 }, { color = "#00ff00", width = 1, clip = { 0, 0, 20, 30 } })
  t.eq(pixel(c, 5, 5), { 0, 255, 0 })
  t.eq(pixel(c, 25, 5), { 16, 32, 48 })
  c:line({ 0, 20.5, 10, 20.5, 0 / 0, 0 / 0, 30, 20.5, 40, 20.5 }, { color = "#00ff00" })
  t.eq(pixel(c, 5, 20), { 0, 255, 0 })
  t.eq(pixel(c, 20, 20), { 16, 32, 48 })
  c:circle(30, 10, 3, { fill = "#ffffff" })
  t.eq(pixel(c, 30, 10), { 255, 255, 255 })
  local w, h = c:text_size("wide text", { size = 10 })
  t.ok(w > 20 and h > 8)
end)

t.test("images: grey, colour, window, not-a-number", function()
  local c <close> = canvas.new(4, 4)
  c:image(0, 0, 4, 4, ss.tensor({ { 0, 255 }, { 128, 64 } }, { dtype = "u8" }), { smooth = false })
  t.eq({ pixel(c, 0, 0), pixel(c, 3, 0), pixel(c, 0, 3) },
    { { 0, 0, 0 }, { 255, 255, 255 }, { 128, 128, 128 } })
  c:image(0, 0, 4, 4, ss.tensor { { 0 / 0, 3 }, { 2, 1 } }, { lo = 1, hi = 3, smooth = false })
  t.eq({ pixel(c, 0, 0), pixel(c, 3, 0), pixel(c, 0, 3) },
    { { 0, 0, 0 }, { 255, 255, 255 }, { 128, 128, 128 } })
  c:image(0, 0, 4, 4, ss.tensor { { { 1, 0, 0.5 } } })
  t.eq(pixel(c, 1, 1), { 255, 0, 128 })
end)

t.test("an outline goes around the label only", function()
  local c <close> = canvas.new(50, 50, "#000000")
  local rows = {}
  for y = 1, 5 do
    rows[y] = {}
    for x = 1, 5 do rows[y][x] = (x >= 2 and x <= 4 and y >= 2 and y <= 4) and 2 or 0 end
  end
  local labels = ss.tensor(rows, { dtype = "i64" })
  c:outline(0, 0, 50, 50, labels, 2, { color = "#ff0000", width = 2 })
  t.eq({ pixel(c, 10, 25), pixel(c, 25, 10) }, { { 255, 0, 0 }, { 255, 0, 0 } })
  t.eq({ pixel(c, 25, 25), pixel(c, 3, 3) }, { { 0, 0, 0 }, { 0, 0, 0 } })
  c:outline(0, 0, 50, 50, labels, 1, { color = "#00ff00" })
  t.eq(pixel(c, 10, 25), { 255, 0, 0 })
end)

t.test("bad arguments are errors", function()
  for _, size in ipairs { { 0, 5 }, { -1, 5 }, { 5, 1e9 // 1 | 0 } } do
    t.raises(function() canvas.new(table.unpack(size)) end, "expected sides from 1 to 16384")
  end
  local c = canvas.new(5, 5)
  t.raises(function() c:fill "red" end, "expected .*got red")
  t.raises(function() c:fill(nil) end, "expected .*got nil")
  t.raises(function() c:image(0, 0, 5, 5, ss.zeros { 3, 3, 2 }) end, "expected %[h, w%] or %[h, w, 3%]")
  t.raises(function() c:image(0, 0, 5, 5, ss.zeros { 0, 3 }) end, "expected")
  t.raises(function() c:image(0, 0, 0 / 0, 5, ss.zeros { 3, 3 }) end, "positive size")
  t.raises(function() c:text(0, 0, "x", { align = "middel" }) end, "'middel' is none of")
  t.raises(function() c:save "/no/such/folder/x.png" end, "/no/such/folder")
  c:release()
  t.raises(function() c:fill "#ffffff" end, "released")
  c:release()
end)

local function volume()
  local v = ss.uniform({ 12, 20, 16 }, 1)
  return v, v:gt(0.8)
end

t.test("show writes a montage", function()
  local dir = t.tmpdir()
  local v, m = volume()
  local path = draw.show(v, m, { out = dir .. "/a.png", slices = 3, side = 80 })
  t.eq(path, dir .. "/a.png")
  local w, h = png_size(path)
  t.ok(w >= 260 and h > 100 and w < 400 and h < 400, w .. " x " .. h)
  png_size(draw.show(v:reshape { 1, 12, 20, 16, 1 }, { truth = m, prediction = m:cast("i64") },
    { out = dir .. "/b.png", spacing = { 3, 1, 1 }, title = "two" }))
  png_size(draw.show(v:select(1, 3), nil, { out = dir .. "/c.png" }))
  png_size(draw.show(ss.zeros { 4, 4, 4 }, ss.zeros { 4, 4, 4 }, { out = dir .. "/d.png" }))
  png_size(draw.show(v:cast("f16"), nil, { out = dir .. "/e.png" }))
  png_size(draw.show(ss.full({ 3, 3, 3 }, 0 / 0), nil, { out = dir .. "/f.png" }))
  png_size(draw.show(ss.zeros { 1, 1, 1 }, nil, { out = dir .. "/g.png" }))
end)

t.test("show refuses what it cannot show and leaves no file", function()
  local dir = t.tmpdir()
  local v, m = volume()
  local out = { out = dir .. "/x.png" }
  t.raises(function() draw.show(v, ss.zeros { 3, 3, 3 }, out) end,
    "truth: %[3, 3, 3%] does not fit .*%[12, 20, 16%]")
  t.raises(function() draw.show(3, nil, out) end, "expected a tensor, got a number")
  t.raises(function() draw.show(ss.zeros { 2, 3, 4, 5, 6 }, nil, out) end, "got %[2, 3, 4, 5, 6%]")
  t.raises(function() draw.show(ss.zeros { 0, 3, 4 }, nil, out) end, "is empty")
  t.raises(function() draw.show(v, m, { outt = "x" }) end, "unknown option 'outt'; did you mean 'out'%?")
  t.raises(function() draw.show(v, { thruth = m }, out) end, "unknown option 'thruth'")
  t.raises(function() draw.show(v, m, { out = "/no/folder/x.png" }) end, "/no/folder")
  t.raises(function() draw.show(ss.zeros({ 3, 3, 3 }, { device = "meta" }), nil, out) end, "meta")
  t.eq(ss.fs.list(dir), {})
end)

t.test("cases", function()
  local dir = t.tmpdir()
  local v, m = volume()
  local list = {}
  for i = 1, 10 do list[i] = { name = "case_" .. i, image = v, truth = m, prediction = m, dice = i / 10 } end
  list[2].dice, list[3].truth, list[4].prediction = { 0.5, 0 / 0 }, nil, nil
  local w, h = png_size(draw.cases(list, { out = dir .. "/c.png", side = 50 }))
  t.eq({ w, h }, { 150 + 3 * 56, 40 + 8 * 56 })
  t.raises(function() draw.cases({}, {}) end, "at least one case")
end)

t.test("curves survive empty, single, constant and broken series", function()
  local dir = t.tmpdir()
  local series = {
    { name = "empty", x = {}, y = {} }, { name = "one", x = { 3 }, y = { 2 } },
    { name = "flat", x = { 1, 2, 3 }, y = { 5, 5, 5 } },
    { name = "broken", x = { 1, 2, 3, 4 }, y = { 1, 0 / 0, 1 / 0, 2 }, axis = "right", dash = { 3, 2 } },
  }
  local w, h = png_size(draw.curves {
    out = dir .. "/c.png", title = "t", width = 600, height = 200,
    panels = { { series = series, title = "a" }, { series = { series[1] } },
      { series = { series[3] }, log = true },
      { series = { { x = { 1, 2 }, y = { 0, -1 } } }, log = true } },
  })
  t.eq({ w, h }, { 600, 34 + 4 * 200 + 18 })
  t.raises(function() draw.curves { panels = {} } end, "expected panels")
  t.raises(function() draw.curves { pannels = {} } end, "did you mean 'panels'")
end)

t.done()
