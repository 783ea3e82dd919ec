-- What the report of a run is made of: tables, history, event files, pictures in a page.
local t = require "tests.lib.t"
local ss = require "semisam"
local base64 = require "semisam.base64"
local csv = require "semisam.csv"
local events = require "semisam.train.events"
local history = require "semisam.train.history"
local maps = require "semisam.draw.maps"
local page = require "semisam.train.page"
local reader = require "tests.lib.events"
local svg = require "semisam.draw.svg"

t.test("base64: the vectors of RFC 4648, and bytes of all kinds", function()
  for plain, coded in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
    fooba = "Zm9vYmE=", foobar = "Zm9vYmFy", ["\255\254\253"] = "//79", ["\0"] = "AA==" } do
    t.eq(base64(plain), coded)
  end
end)

t.test("a table: words, numbers, empty fields, a line cut off", function()
  local path = t.tmpdir() .. "/a.csv"
  ss.fs.write(path, "step,phase,loss\n1,warmup,0.5\n2,semi,\n3,se")
  t.eq(csv.rows(path), { { step = 1, phase = "warmup", loss = 0.5 }, { step = 2, phase = "semi" } })
  t.eq(csv.rows(path .. "x"), nil)
end)

t.test("history: bounded, its means are those of the rows", function()
  local h, sum = history.new(), 0
  for i = 1, 5000 do
    h:add { step = i, phase = i <= 100 and "warmup" or "semi", epoch = (i - 1) % 100 / 10, loss = i / 7,
      rare = i % 1000 == 0 and i or nil, bad = 0 / 0 }
    sum = sum + i / 7
  end
  local x, y = h:column("loss")
  t.ok(#x <= 800 and #x >= 400, #x)
  local total = 0
  for i, p in ipairs(h.points) do total = total + y[i] * p.n end
  t.near(total / sum, 1, 1e-9)
  t.eq(h.phases[2].step, 101)
  t.near(h.steps_per_epoch, 10, 1e-6)
  t.eq(h:column("bad"), nil)
  t.eq(h:column("none"), nil)
  local _, rare = h:column("rare")
  local seen = 0
  for _, v in ipairs(rare) do seen = seen + (v == v and 1 or 0) end
  t.eq(seen, 5)
end)

t.test("event file: checksums, version, tags of SSL4MIS, pictures; a new file goes on", function()
  local dir = t.tmpdir()
  t.eq(reader.crc32c("123456789"), 0xe3069283)
  t.eq(reader.crc32c(("\0"):rep(32)), 0x8a9136aa, "RFC 3720, B.4")
  local log = events.new(dir, 0)
  log:step { step = 1, loss = 0.75, sup_ce = 0.5, sup_dice = 1, con = 0.25, lambda = 0.5, lr = 1e-3 }
  log:validated { step = 300, dice = 0.875, dice_student = 0.75, loss = 0.125 }
  log:image(300, "train/Image", "\137PNG", 7, 5)
  log:close()
  local again = events.new(dir, 300)
  again:close()
  local names = ss.fs.list(dir)
  t.eq(#names, 2)
  t.match(names[1], "^events%.out%.tfevents%.%d+%.semisam%.%d+%.%d+$")
  local text = ss.fs.read(dir .. "/" .. names[1])
  local list = reader.read(text)
  t.eq(list[1].version, "brain.Event:2")
  t.ok(math.abs(list[1].time - os.time()) < 100)
  t.eq(list[2].session, 1, "START: older files are dropped from this step on")
  local got = {}
  for _, v in ipairs(list[3].values) do got[v[1]] = v[2] end
  t.eq(list[3].step, 1)
  t.near(got["info/lr"], 1e-3, 1e-9)
  got["info/lr"] = nil
  t.eq(got, { ["info/total_loss"] = 0.75, ["loss/loss"] = 0.75, ["info/loss_ce"] = 0.5,
    ["info/loss_dice"] = 1.0, ["info/consistency_loss"] = 0.25, ["info/consistency_weight"] = 0.5 })
  t.eq({ list[4].step, list[4].values[1] }, { 300, { "info/val_dice_score", 0.875 } })
  t.eq(list[5].values[1], { "train/Image", { height = 5, width = 7, colours = 3, png = "\137PNG" } })
  t.eq(reader.read(ss.fs.read(dir .. "/" .. names[2]))[2].step, 300)
  t.eq(#reader.read(text:sub(1, -3)), 4, "a record that a kill cut off")
  t.raises(function() reader.read(text:sub(1, 20) .. "x" .. text:sub(22)) end, "checksum")
end)

t.test("curves in a page: gaps, one point, no point, escaped words", function()
  local nan = 0 / 0
  local text = svg.chart { title = "a < b", x = { 0, 10 }, marks = { { 5, "semi" } }, series = {
    { name = "loss & more", x = { 1, 2, 3, 4 }, y = { 1, nan, 3, 2 } },
    { name = "one", x = { 4 }, y = { 2 } }, { name = "none", x = { 1 }, y = { nan } } } }
  t.match(text, "a &lt; b")
  t.match(text, "loss &amp; more <b>2</b>")
  t.eq(select(2, text:gsub("<path", "")), 2)
  t.match(text, 'd="M[%d.]+ [%d.]+M[%d.]+ [%d.]+L')
  t.ok(not text:find("nan") and not text:find("inf"), "numbers only")
  t.match(text, "<title>semi</title>")
  t.eq(svg.chart { title = "x", series = {} }, nil)
  t.eq(svg.chart { title = "x", series = { { name = "n", x = { 1 }, y = { nan } } } }, nil)
  local html = page.html("t", page.table({ "case", "Dice" }, { { "<a>", 0.5 } }), 30)
  t.match(html, "<td>&lt;a&gt;</td><td>0%.5000</td>")
  t.match(html, 'http%-equiv="refresh" content="30"')
  t.ok(not html:find("https?://") and not html:find("<script"), "needs no network")
end)

t.test("a case as the method sees it: colours of the maps, contours, sizes", function()
  local ball = ss.zeros { 12, 10, 8 }
  ball:slice(1, 4, 9):slice(2, 3, 8):slice(3, 2, 7):fill_(1)
  local mask = ball:to("u8")
  local case = { name = "a", image = ball * 0.5, truth = mask, prediction = mask, coarse = mask,
    mean = ball, variance = ball * 0.25, confidence = 1 - ball }
  local c <close> = maps.case(case, { side = 100 })
  local w, h = c:size()
  t.eq({ w, h }, { 6 + 5 * 105, 46 + 3 * 105 })
  -- the middle of the sagittal row's mean and variance is the largest value, that of trust 0
  local y = 46 + 2 * 105 + 50
  t.eq({ c:pixel(6 + 2 * 105 + 50, y) }, { 252, 232, 36 })
  t.eq({ c:pixel(6 + 3 * 105 + 50, y) }, { 252, 232, 36 })
  t.eq({ c:pixel(6 + 4 * 105 + 50, y) }, { 69, 0, 84 })
  t.eq(c:png():sub(1, 8), "\137PNG\r\n\26\n")
  local views = maps.views(case)
  t.eq({ #views, views[1].w, views[1].h }, { 3, 8, 10 })
  local bare <close> = maps.case { name = "b", image = ball, prediction = mask }
  t.eq(bare:size(), 320)
end)

t.done()
