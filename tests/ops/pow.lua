local ref = require "tests.lib.ref"

local function positive(shape)
  return { shape = shape, fill = function(i) return 0.5 + i % 7 end }
end

local function constant(v)
  return { shape = {}, fill = function() return v end }
end

return {
  def = function(c)
    local y = ref.new(ref.broadcast_shape(c.a.shape, c.b.shape))
    for i = 1, #y do
      local at = ref.where(y, i)
      local a, b = c.a[ref.broadcast(c.a, at)], c.b[ref.broadcast(c.b, at)]
      y[i] = b == 0 and 1 or a ^ b
    end
    return y
  end,
  cases = {
    { a = positive { 2, 3 }, b = "f32[2,3]" },
    { a = positive { 2, 3 }, b = "f32[3]" },
    { a = positive { 3 }, b = "f32[2,3]" },
    { a = positive { 7 }, b = constant(2) },
    { a = positive { 7 }, b = constant(3) },
    { a = positive { 7 }, b = constant(1) },
    { a = positive { 7 }, b = constant(0.5) },
    { a = positive { 7 }, b = constant(-1) },
    { a = positive { 7 }, b = constant(2.5) },
    { a = positive { 7 }, b = constant(0) },
    { a = "f32[0]", b = "f32[]" },
  },
  errors = { { { a = "f32[2]", b = "f32[3]" }, "f32%[2%].*f32%[3%]" } },
  half = 6e-2,
  more = {
    function()
      local ss = require "semisam"
      local inf, nan = 1 / 0, 0 / 0
      local a = ss.tensor { -1.5, 0, 0, -inf, inf, nan, 2, -2, -2 }
      local b = ss.tensor { 0.5, 2, -1, 3, -1, 0, inf, 5, 4 }
      local want = { nan, 0, inf, -inf, 0, 1, inf, -32, 16 }
      for i, v in ipairs(a:pow(b):flat()) do
        assert(v == want[i] or (v ~= v and want[i] ~= want[i]), "special case " .. i .. " gives " .. v)
      end
    end,
  },
}
