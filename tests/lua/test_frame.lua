-- models/frame.lua: volumes, prompts and answers change frames without moving.
local ss = require "semisam"
local t = require "tests.lib.t"
local frame = require "semisam.models.frame"

-- A ball of 0/1 in a volume of n^3 voxels.
local function ball(n, centre, radius)
  local list = {}
  for z = 0, n - 1 do
    for y = 0, n - 1 do
      for x = 0, n - 1 do
        local d = (z - centre[1]) ^ 2 + (y - centre[2]) ^ 2 + (x - centre[3]) ^ 2
        list[#list + 1] = d <= radius ^ 2 and 1 or 0
      end
    end
  end
  return ss.tensor(list):reshape { 1, n, n, n, 1 }
end

local function dice(a, b)
  a, b = a:gt(0):to("f32"), b:gt(0):to("f32")
  return 2 * (a * b):sum():item() / (a:sum() + b:sum()):item()
end

-- Answers with the mask prompt, else with the image above one half, else a bump at the point.
local function spy(size)
  local net = { prep = { norm = "none", spacing = 1.0, size = { size, size, size } }, encodes = 0,
    images = {} }
  function net:encode(x)
    self.encodes = self.encodes + 1
    self.images[self.encodes] = ss.keep(x:copy())
    return { x = x }
  end
  function net:decode(code, prompts)
    self.asked = prompts
    if prompts.mask then return prompts.mask end
    local p, list = prompts.points[1], {}
    for z = 0, size - 1 do
      for y = 0, size - 1 do
        for x = 0, size - 1 do
          list[#list + 1] = 4 - (z - p[1]) ^ 2 - (y - p[2]) ^ 2 - (x - p[3]) ^ 2
        end
      end
    end
    return ss.tensor(list):reshape(code.x.shape)
  end
  return net
end

for _, case in ipairs { { n = 24, mm = 0.5 }, { n = 16, mm = 1.0 }, { n = 12, mm = 2.0 },
  { n = 40, mm = 1.0 } } do
  t.test(("a mask comes back where it was: %d voxels of %g mm"):format(case.n, case.mm), function()
    local net = spy(24)
    local teacher = frame.new(net, { data_spacing = case.mm })
    local truth = ball(case.n, { case.n * 0.6, case.n * 0.5, case.n * 0.45 }, math.min(case.n / 3, 9))
    local code = teacher:encode(truth)
    local back = teacher:decode(code, { mask = truth * 8 - 4 })
    t.eq(back.shape, truth.shape)
    t.ok(dice(back, truth) > (case.mm == 1 and 0.9999 or 0.95), "dice " .. dice(back, truth))
    t.eq(net.images[1].shape, { 1, 24, 24, 24, 1 })
    teacher:decode(code, { mask = truth * 8 - 4 })
    t.eq(net.encodes, 1)
  end)
end

t.test("a point comes back where it was, also from a cut of a larger volume", function()
  for _, case in ipairs { { n = 12, mm = 2.0 }, { n = 16, mm = 1.0 }, { n = 40, mm = 1.0 } } do
    local net = spy(24)
    local teacher = frame.new(net, { data_spacing = case.mm })
    local p = { case.n - 4, case.n - 5, 3 }
    local code = teacher:encode(ball(case.n, p, 3))
    local back = teacher:decode(code, { points = { p }, labels = { 1 } })
    local at = back:reshape { -1 }:argmax { dim = 1 }:item()
    t.eq(at, (p[1] * case.n + p[2]) * case.n + p[3], ("%d voxels"):format(case.n))
  end
end)

t.test("the network sees its own intensities and a fixed cube", function()
  local net = spy(24)
  local x = ball(16, { 8, 8, 8 }, 5) * 100
  frame.new(net, { data_spacing = 1.0, norm = "minmax" }):encode(x)
  t.eq(net.images[1]:max():item(), 1.0)
  frame.new(net, { data_spacing = 1.0 }):encode(x)
  t.eq(net.images[2]:max():item(), 100.0)
  t.eq(net.images[2]:sum():item(), x:sum():item()) -- padded, nothing lost
  t.raises(function() frame.new(net, { norm = "zscor" }) end, "unknown norm \"zscor\"")
end)

t.test("without a known voxel size the network gets the volume as it is", function()
  local net = spy(16)
  local teacher = frame.new(net)
  local x = ball(16, { 8, 8, 8 }, 5)
  local back = teacher:decode(teacher:encode(x), { mask = x * 8 - 4 })
  t.eq(dice(back, x), 1.0)
end)

t.test("a voter answers with the objects' share, whatever is asked", function()
  local logits = ss.normal({ 1, 3, 3, 3, 3 }, { key = 1 })
  local teacher = frame.voter(function() return logits end, { norm = "none" })
  local code = teacher:encode(ss.zeros { 1, 3, 3, 3, 1 })
  local p = teacher:decode(code, { points = { { 0, 0, 0 } }, labels = { 1 } }):sigmoid():flat()
  local want = (1 - logits:softmax(5):slice(5, 1, 1)):flat()
  for i, v in ipairs(want) do t.near(p[i], v, 1e-5) end
end)

t.done()
