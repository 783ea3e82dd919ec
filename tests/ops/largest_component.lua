local mask = require "tests.lib.mask"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    local y = ref.new(a.mask.shape)
    for k, v in ipairs((mask.volumes(a.mask))) do
      local label = mask.components(v, a.connectivity)
      for i = 1, v.count do
        local j = (k - 1) * v.count + i
        y[j] = label[i] == 1 and a.mask[j] or 0
      end
    end
    return y
  end,
  cases = {
    { mask = "f32[4,5,6]" },
    { mask = "f32[2,5,4,7]", connectivity = "edge" },
    { mask = "u8[2,3,5,4,1]", connectivity = "corner" },
    { mask = { shape = { 3, 3, 3 }, dtype = "u8", fill = function() return 0 end } },
    { mask = { shape = { 3, 3, 3 }, dtype = "i32", fill = function() return 7 end } },
    { mask = "u8[2,0,3,4]" },
  },
  tol = 0,
  grad = false,
  errors = { { { mask = "f32[2,3,4,5,2]" }, "a mask is %[d,h,w%].*f32%[2,3,4,5,2%]" } },
}
