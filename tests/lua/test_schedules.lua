-- Known answers of the schedules: acceptance values 1 to 6 of the method.
local t = require "tests.lib.t"
local s = require "semisam.schedules"

t.test("sigmoid of t / T", function()
  local want = { [0] = 0.5, [5] = 0.622459, [10] = 0.731059, [20] = 0.880797, [40] = 0.982014 }
  for at, value in pairs(want) do t.near(s.sigmoid(at, 10), value, 5e-7) end
end)

t.test("Gaussian ramp", function()
  for _, T in ipairs { 1, 10, 37 } do
    t.near(s.gaussian(0, T), 0.006738, 5e-7)
    t.near(s.gaussian(0.5 * T, T), 0.286505, 5e-7)
    t.near(s.gaussian(0.9 * T, T), 0.951229, 5e-7)
    t.eq(s.gaussian(T, T), 1)
    t.eq(s.gaussian(2 * T, T), 1)
    t.near(s.gaussian(-3, T), s.gaussian(0, T), 0)
  end
  t.eq(s.gaussian(0, 0), 1)
  t.eq(s.gaussian(7, 0), 1)
end)

t.test("decays", function()
  t.near(0.3 * s.exp_decay(40, 40), 0.110364, 5e-7)
  t.near(0.5 * 0.1 * s.gaussian_down(0, 40), 0.05, 1e-12)
  t.near(0.5 * 0.1 * s.gaussian_down(40, 40), 0.000337, 5e-7)
  t.near(s.cosine_down(0, 8), 1, 1e-12)
  t.near(s.cosine_down(4, 8), 0.5, 1e-12)
  t.near(s.cosine_down(9, 8), 0, 1e-12)
end)

t.test("polynomial decay", function()
  t.near(2e-3 * s.poly(50, 100), 1.071773e-3, 5e-10)
  t.near(0.01 * s.poly(50, 100), 5.358867e-3, 5e-9)
  t.eq(s.poly(100, 100), 0)
  t.eq(s.poly(101, 100), 0)
  t.ok(s.poly(99, 100) > 0)
end)

t.test("entropy threshold of UA-MT", function()
  t.near(s.entropy_threshold(0, 6000), 0.521028, 5e-7)
  t.near(s.entropy_threshold(3000, 6000), 0.569508, 5e-7)
  t.near(s.entropy_threshold(6000, 6000), 0.693147, 5e-7)
end)

t.test("fractional epochs", function()
  t.eq(s.epoch(10, 7), 10 / 7)
end)

t.test("linear, logistic, warm-up, steps", function()
  t.eq(s.linear(3, 4), 0.75)
  t.eq(s.linear(-1, 4), 0)
  t.eq(s.linear(1, 0), 1)
  t.near(s.logistic(0, 10), 1 / (1 + math.exp(5)), 1e-12)
  t.near(s.logistic(5, 10), 0.5, 1e-12)
  t.ok(s.warm_up(0, 4) > 0)
  t.eq(s.warm_up(4, 4), 1)
  t.eq(s.warm_up(0, 0), 1)
  t.eq(s.steps(119, { 120, 180 }), 1)
  t.near(s.steps(180, { 120, 180 }), 0.01, 1e-12)
end)

t.done()
