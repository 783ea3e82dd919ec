local ref = require "tests.lib.ref"

local function list(...)
  local values = { ... }
  return { shape = { #values }, fill = function(i) return values[i] end }
end

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local v = a.x[i]
      if v ~= v or (a.keep_zero and v == 0) or a.lo == a.hi then return 0 end
      local t = math.max(a.lo, math.min(a.hi, v))
      return math.floor((t - a.lo) / (a.hi - a.lo) * 255)
    end)
  end,
  cases = {
    { x = "f32[7,301]", lo = -1.25, hi = 1.75 },
    { x = { shape = { 3, 4 }, dtype = "i32", fill = function(i) return i * 100 - 700 end },
      lo = -500, hi = 300 },
    { x = "u8[40]", lo = 2, hi = 7 },
    { x = list(0, -3, 0 / 0, 2, 1 / 0, -1 / 0), lo = -1, hi = 1, keep_zero = true },
    { x = "f32[5]", lo = 0.5, hi = 0.5 },
    { x = "f32[0,3]", lo = 0, hi = 1 },
  },
  tol = 0,
  grad = false,
  errors = {
    { { x = "f32[3]", lo = 2, hi = 1 }, "lo <= hi, got 2 and 1" },
    { { x = "f32[3]", lo = 0, hi = 1 / 0 }, "finite" },
  },
}
