local mask = require "tests.lib.mask"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    local y = ref.new(a.mask.shape)
    for k, v in ipairs((mask.volumes(a.mask))) do
      local label = mask.components(v, a.connectivity)
      for i = 1, v.count do y[(k - 1) * v.count + i] = label[i] end
    end
    return y
  end,
  cases = {
    { mask = "f32[4,5,6]" },
    { mask = "f32[2,5,4,7]", connectivity = "edge" },
    { mask = "bool[2,3,5,4,1]", connectivity = "corner" },
    -- a comb: the teeth meet only in the last row, so labels must be merged
    { mask = { shape = { 1, 6, 9 }, dtype = "u8",
      fill = function(i) return (i > 45 or i % 2 == 1) and 1 or 0 end } },
    -- two cubes that touch at a corner are two by faces, one by corners
    { mask = { shape = { 4, 4, 4 }, dtype = "u8", fill = function(i)
      local z, y, x = (i - 1) // 16, (i - 1) // 4 % 4, (i - 1) % 4
      return ((z < 2 and y < 2 and x < 2) or (z >= 2 and y >= 2 and x >= 2)) and 1 or 0
    end } },
    { mask = { shape = { 3, 3, 3 }, dtype = "u8", fill = function() return 0 end } },
    { mask = { shape = { 3, 3, 3 }, dtype = "i64", fill = function() return 2 end } },
    { mask = "u8[0,3,4]" },
  },
  tol = 0,
  grad = false,
  errors = {
    { { mask = "f32[2,3]" }, "a mask is %[d,h,w%].*f32%[2,3%]" },
    { { mask = "f32[4,2,3,1]" }, "drop the last axis" },
  },
}
