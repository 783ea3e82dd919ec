local mask = require "tests.lib.mask"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    local va, n = mask.volumes(a.a)
    local vb = mask.volumes(a.b)
    local y = ref.new(n and { n, 4 } or { 4 })
    for k, v in ipairs(va) do
      for i = 1, v.count do
        local at = v[i] and (vb[k][i] and 1 or 2) or (vb[k][i] and 3 or 4)
        y[(k - 1) * 4 + at] = y[(k - 1) * 4 + at] + 1
      end
    end
    return y
  end,
  cases = {
    { a = "f32[4,5,6]", b = "bool[4,5,6]" },
    { a = "u8[2,3,4,5,1]", b = "f32[2,3,4,5]" },
    { a = "u8[0,4,5]", b = "u8[0,4,5]" },
    { a = { shape = { 1, 1, 2 }, fill = function(i) return i == 1 and 0 / 0 or 0.1 end }, b = "u8[1,1,2]" },
  },
  tol = 0,
  grad = false,
  errors = { { { a = "u8[2,3,4]", b = "u8[2,3,5]" }, "same shape.*u8%[2,3,4%].*u8%[2,3,5%]" } },
}
