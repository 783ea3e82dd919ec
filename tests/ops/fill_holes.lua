local mask = require "tests.lib.mask"
local ref = require "tests.lib.ref"

-- A hollow box, its cavity open through one corner voxel or not.
local function shell(open)
  return { shape = { 5, 5, 5 }, dtype = "u8", fill = function(i)
    local z, y, x = (i - 1) // 25, (i - 1) // 5 % 5, (i - 1) % 5
    local inner = z > 0 and z < 4 and y > 0 and y < 4 and x > 0 and x < 4
    if open and z == 0 and y == 0 and x == 0 then return 0 end
    return inner and 0 or 1
  end }
end

return {
  def = function(a)
    local y = ref.new(a.mask.shape)
    for k, v in ipairs((mask.volumes(a.mask))) do
      local outside, open = { d = v.d, h = v.h, w = v.w, count = v.count }, {}
      for i = 1, v.count do outside[i] = not v[i] end
      local label = mask.components(outside, a.connectivity)
      for i = 1, v.count do
        local z, yy, x = mask.zyx(v, i)
        if z == 0 or yy == 0 or x == 0 or z == v.d - 1 or yy == v.h - 1 or x == v.w - 1 then
          open[label[i]] = true
        end
      end
      for i = 1, v.count do y[(k - 1) * v.count + i] = (v[i] or not open[label[i]]) and 1 or 0 end
    end
    return y
  end,
  cases = {
    { mask = "u8[5,6,7]" },
    { mask = "f32[2,5,6,4]", connectivity = "edge" },
    { mask = shell(false) },
    { mask = shell(true) },
    { mask = shell(true), connectivity = "corner" },
    { mask = { shape = { 3, 3, 3 }, dtype = "bool", fill = function() return 0 end } },
    { mask = { shape = { 3, 3, 1 }, dtype = "u8", fill = function(i) return i ~= 5 and 1 or 0 end } },
    { mask = "u8[0,3,4]" },
  },
  tol = 0,
  grad = false,
}
