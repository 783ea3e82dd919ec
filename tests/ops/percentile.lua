local ref = require "tests.lib.ref"

local function list(...)
  local values = { ... }
  return { shape = { #values }, fill = function(i) return values[i] end }
end

return {
  def = function(a)
    local sorted = {}
    for i = 1, #a.x do sorted[i] = a.x[i] end
    table.sort(sorted)
    return ref.new(a.q.shape, function(k)
      if #sorted == 0 then return 0 / 0 end
      local at = a.q[k] / 100 * (#sorted - 1)
      local lo = math.floor(at)
      local y = sorted[lo + 1]
      return at > lo and y + (sorted[lo + 2] - y) * (at - lo) or y
    end)
  end,
  cases = {
    { x = "f32[7,30]", q = list(0, 0.5, 25, 50, 99.5, 100) },
    { x = "f32[11]", q = { shape = {}, fill = function() return 37 end } },
    { x = "i32[50]", q = list(10, 90) },
    { x = list(3), q = list(0, 40, 100) },
    { x = list(-1 / 0, -5, -0.0, 0, 1e-40, 2, 1 / 0), q = list(10, 20, 50, 60, 70) },
    { x = "f32[0]", q = list(50) },
  },
  grad = false,
  errors = {
    { { x = "f32[3]", q = list(101) }, "q 101.* is outside 0 to 100" },
    { { x = "f32[3]", q = "f32[2,2]" }, "q must be a number or a list" },
  },
}
