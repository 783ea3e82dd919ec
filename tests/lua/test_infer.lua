-- Windows over a volume: how many, where, and that they put together what they took apart.
local t = require "tests.lib.t"
local ss = require "semisam"
local infer = require "semisam.infer"

-- Answers its input: logits whose sigmoid is the volume.
local identity = setmetatable({}, { __call = function(_, x)
  return (x:log() - (1 - x):log()):copy()
end })

local function counts(size, window, stride)
  local out = {}
  for i = 1, 3 do out[i] = #infer.starts(size[i], window[i], stride[i]) end
  return out
end

t.test("how many windows", function()
  t.eq(counts({ 160, 160, 88 }, { 112, 112, 80 }, { 18, 18, 4 }), { 4, 4, 3 })
  t.eq(counts({ 190, 142, 128 }, { 128, 128, 128 }, { 18, 18, 4 }), { 5, 2, 1 })
  t.eq(counts({ 240, 240, 155 }, { 128, 128, 128 }, { 64, 64, 64 }), { 3, 3, 2 })
  t.eq(infer.starts(10, 4, 4), { 0, 4, 6 }, "the last one ends with the volume")
  t.eq(infer.starts(3, 4, 4), { 0 })
end)

t.test("slices of D_s restore a volume of any depth", function()
  for _, d in ipairs { 128, 100, 7, 1 } do
    local x = ss.uniform({ 1, d, 4, 4, 1 }, d, 0.1, 0.9)
    local y = infer.probabilities(identity, x, { window = { 16, 4, 4 }, overlap = 0 })
    t.eq(y.shape, x.shape)
    t.near((y - x):abs():max():item(), 0, 1e-6, "depth " .. d)
  end
end)

t.test("overlapping windows of every blend average to the volume", function()
  local x = ss.uniform({ 1, 13, 9, 20, 1 }, 3, 0.1, 0.9)
  for _, blend in ipairs { "flat", "triangle", "gauss" } do
    local y = infer.probabilities(identity, x, { window = { 8, 8, 8 }, overlap = 0.5, blend = blend })
    t.near((y - x):abs():max():item(), 0, 2e-6, blend)
  end
  t.raises(function() infer.weights("cosine", { 4, 4, 4 }) end, "flat, triangle or gauss, got cosine")
end)

t.test("blends weigh the middle of a window more", function()
  -- a network that answers where in its window a voxel lies
  local place = setmetatable({}, { __call = function(_, x)
    return ss.arange(x:size(4)):to("f32"):reshape({ 1, 1, 1, x:size(4), 1 }):expand(x.shape) - 3.5
  end })
  local x = ss.zeros { 1, 8, 8, 12, 1 }
  local function at(blend)
    return infer.probabilities(place, x, { window = { 8, 8, 8 }, overlap = 0.5, blend = blend }):flat()[5]
  end
  local function p(v) return 1 / (1 + math.exp(-v)) end
  t.near(at("flat"), (p(0.5) + p(-3.5)) / 2, 1e-6)
  t.near(at("triangle"), (4 * p(0.5) + 1 * p(-3.5)) / 5, 1e-6)
  t.ok(math.abs(at("gauss") - p(0.5)) < 0.01)
end)

t.test("a volume whose sides a network cannot halve is padded and cut back", function()
  local net = ss.models.new({ "unet3d", base = 2, levels = 3 }):eval()
  t.eq(infer.probabilities(net, ss.uniform({ 1, 9, 8, 13, 1 }, 1)).shape, { 1, 9, 8, 13, 1 })
end)

t.done()
