local ref = require "tests.lib.ref"

local function ranks(...)
  local values = { ... }
  return { shape = { #values }, dtype = "i32", fill = function(i) return values[i] end }
end

return {
  def = function(a)
    local sorted, nan = {}, false
    for i = 1, #a.x do
      sorted[i] = a.x[i]
      nan = nan or a.x[i] ~= a.x[i]
    end
    if not nan then table.sort(sorted) end
    return ref.new(a.k.shape, function(i) return nan and 0 / 0 or sorted[a.k[i] + 1] end)
  end,
  cases = {
    { x = "f32[7,30]", k = ranks(0, 1, 104, 209) },
    { x = "i32[50]", k = { shape = {}, dtype = "i64", fill = function() return 25 end } },
    { x = { shape = { 3 }, fill = function(i) return i == 2 and 0 / 0 or i end }, k = ranks(0, 2) },
    { x = "f32[0]", k = ranks() },
  },
  tol = 0,
  grad = false,
  errors = {
    { { x = "f32[3]", k = ranks(3) }, "k 3.* is outside 0 to 2" },
    { { x = "f32[3]", k = ranks(-1) }, "k %-1.* is outside 0 to 2" },
    { { x = "f32[3]", k = "i32[2,2]" }, "a number or a list" },
  },
}
