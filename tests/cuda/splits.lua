-- Convolutions in f32 whose factors are split for tensor cores, against the processor: in slabs of a
-- sample, in groups of samples, in one piece. Every case is large enough to qualify
-- (support/cuda_conv_split.h). Run by test_products.lua on sm_80. Prints "as expected" or the first
-- wrong value.
--
--   semisam tests/cuda/splits.lua [CASE]
local ss = require "semisam"

-- Of the largest value, for random values of one size: what the processor's own sums are off by,
-- some twice. Without one of the lower parts a result is off by more than 5e-5.
local TOLERANCE = { y = 3e-6, dx = 3e-6, dw = 1e-5, db = 5e-5 }

local CASES = {
  -- in two slabs a sample: 48 MiB of split x, and one row beyond
  { "slabs", { 2, 41, 66, 67, 24 }, { 8, 24, 3, 1, 1 }, "conv3d", { pad = { 1, 0, 0 } } },
  { "dilated slabs", { 1, 43, 62, 57, 32 }, { 3, 32, 3, 1, 3 }, "conv3d",
    { pad = { 2, 0, 1 }, dilation = { 2, 1, 3 } } },
  { "slabs, stride 2", { 1, 51, 50, 49, 64 }, { 4, 64, 3, 3, 3 }, "conv3d", { pad = 1, stride = 2 } },
  { "slabs of an image", { 1, 601, 403, 20 }, { 5, 20, 3, 3 }, "conv2d", { pad = 1 } },
  -- two samples at a time, of seven
  { "samples", { 7, 40, 39, 38, 24 }, { 8, 24, 2, 1, 1 }, "conv3d", {} },
  -- in one piece
  { "odd channels", { 3, 33, 35, 37, 5 }, { 7, 5, 3, 3, 3 }, "conv3d", { pad = { 1, 2, 0 } } },
  { "transposed", { 1, 33, 33, 34, 24 }, { 24, 16, 2, 2, 2 }, "conv_transpose3d", { stride = 2 } },
}

local function random(shape, key) return ss.uniform(shape, key) - 0.5 end

-- y, dx, dw and the bias gradient of a case on a device.
local function trained(shape, weight, op, opts, device)
  local t = { random(shape, 1), random(weight, 2), random({ weight[op:match "transpose" and 2 or 1] }, 3) }
  for i, v in ipairs(t) do t[i] = v:to(device):requires_grad_(true) end
  local y = t[1][op](t[1], t[2], t[3], opts)
  local weighted = y * random(y.shape, 77):to(device)
  weighted:sum():backward()
  return { y = y:detach(), dx = t[1].grad, dw = t[2].grad, db = t[3].grad }
end

local function same(what, shape, weight, op, opts)
  local want = trained(shape, weight, op, opts, "cpu")
  local got = trained(shape, weight, op, opts, "cuda")
  for _, name in ipairs { "y", "dx", "dw", "db" } do
    local scale = want[name]:abs():max():item()
    local off = (want[name] - got[name]:to("cpu")):abs():max():item()
    if off ~= off or off > TOLERANCE[name] * scale then
      print(("%s: %s is off by %g, scale %g"):format(what, name, off, scale))
      os.exit(1)
    end
  end
end

-- Most bytes in use at a time, on a device that computes and on one that counts, with a weight that is
-- trained and one that is frozen.
local function peaks(what, shape, weight, op, opts)
  local most = {}
  for i, device in ipairs { "cuda", "meta:cuda" } do
    ss.scoped(function()
      local x = ss.zeros(shape, { device = device }):requires_grad_(true)
      local w = ss.zeros(weight, { device = device }):requires_grad_(true)
      local frozen = ss.zeros(weight, { device = device }):freeze_()
      local before = ss.memory(device).used
      ss.reset_peak(device)
      ss.scoped(function()
        x[op](x, w, nil, opts):sum():backward()
        x:detach()[op](x:detach(), frozen, nil, opts)
      end)
      most[i] = ss.memory(device).peak - before
    end)
  end
  if most[1] ~= most[2] then
    print(("%s: peak: cuda %d, meta:cuda %d"):format(what, most[1], most[2]))
    os.exit(1)
  end
end

local only = ...
for _, case in ipairs(CASES) do
  if not only or only == case[1] then ss.scoped(same, table.unpack(case)) end
end
for _, i in ipairs(only and {} or { 1, 3 }) do ss.scoped(peaks, table.unpack(CASES[i])) end
print "as expected"
