-- Raw echoes: the envelope of a known signal, log compression, and where a crop is centred.
local t = require "tests.lib.t"
local ss = require "semisam"
local preprocess = require "semisam.data.preprocess"
local rf = require "semisam.data.rf"

-- A Gaussian pulse on a carrier, along one axis of a volume.
local function pulse(n, axis)
  local signal, envelope = {}, {}
  for i = 0, n - 1 do
    local e = math.exp(-((i - n / 2) / (n / 8)) ^ 2)
    envelope[i + 1], signal[i + 1] = e, e * math.cos(2 * math.pi * 0.23 * i + 0.4)
  end
  local shape = { 1, 1, 1, 1 }
  shape[axis] = n
  return ss.tensor(signal):to("f32"):reshape(shape), envelope
end

t.test("the envelope of a pulse to 1 %", function()
  for axis, beam in ipairs { "d", "h", "w" } do
    for _, n in ipairs { 96, 97 } do
      local x, want = pulse(n, axis)
      local got = rf.envelope(x, beam):flat()
      for i = 1, n do t.near(got[i], want[i], 0.01, ("%s, %d of %d"):format(beam, i, n)) end
    end
  end
  local two = ss.cat({ pulse(64, 2), pulse(64, 2) * 3 }, { dim = 3 })
  local y = rf.envelope(two, "h")
  t.eq(y.shape, { 1, 64, 2, 1 })
  t.near(y[1][33][2][1]:item(), 3 * y[1][33][1][1]:item(), 1e-4)
  t.raises(function() rf.envelope(two, "z") end, "beam is d, h or w, got z")
end)

t.test("log compression: 0, -30 and -60 dB are 1, 1/2 and 0", function()
  local x = ss.tensor({ 1, 10 ^ -1.5, 1e-3, 1e-5, 0 }):reshape { 1, 5, 1, 1 } * 7
  t.near(rf.compress(x, 60):flat(), { 1, 0.5, 0, 0, 0 }, 1e-5)
  t.eq(rf.compress(x * 0, 60):flat(), { 0, 0, 0, 0, 0 })
end)

t.test("a signal of another kind is refused; display stays as it is", function()
  local x = pulse(64, 2)
  t.eq(preprocess.brightness(x, {}):flat(), x:flat())
  t.eq(preprocess.brightness(x, { signal = "rf_linear", beam = "h" }):flat(), rf.envelope(x, "h"):flat())
  t.raises(function() preprocess.brightness(x, { signal = "iq" }) end, "display, rf or rf_linear, got iq")
end)

t.test("a crop around the intensity's centroid", function()
  local dir = t.tmpdir()
  local size = { 12, 20, 30 }
  local x = ss.zeros(size)
  local box = x:slice(1, 9, 10):slice(2, 4, 5):slice(3, 25, 26) -- centre (8.5, 3.5, 24.5)
  ss.no_grad(function() box:fill_(1) end)
  ss.nifti_write(dir .. "/x.nii", x, { affine = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 },
    { 0, 0, 1, 0 }, { 0, 0, 0, 1 } } })
  local case = { id = "x", image = dir .. "/x.nii", channels = { dir .. "/x.nii" } }
  local function made(centre)
    local opts = {}
    for key, value in pairs(preprocess.DEFAULTS) do opts[key] = value end
    opts.size, opts.centre = { 4, 4, 4 }, centre
    return preprocess.case(case, opts)
  end
  t.eq(made("volume").image:sum():item(), 0.0)
  local cut = made("intensity")
  t.eq(cut.grid.start, { 7, 2, 23 })
  t.eq(cut.image:sum():item(), 8.0)
  local back = preprocess.backward(cut.image, cut.grid)
  t.eq(back:reshape(size):flat(), x:flat(), "and back to its place")
  t.raises(function() made("gravity") end, "centre is volume or intensity, got gravity")
end)

t.done()
