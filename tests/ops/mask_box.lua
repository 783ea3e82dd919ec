local mask = require "tests.lib.mask"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    local volumes, n = mask.volumes(a.mask)
    local y = ref.new(n and { n, 2, 3 } or { 2, 3 })
    for k, v in ipairs(volumes) do
      local lo, hi = { 1 / 0, 1 / 0, 1 / 0 }, { -1, -1, -1 }
      for i = 1, v.count do
        for axis, at in ipairs { mask.zyx(v, i) } do
          if v[i] then lo[axis], hi[axis] = math.min(lo[axis], at), math.max(hi[axis], at) end
        end
      end
      for axis = 1, 3 do
        y[(k - 1) * 6 + axis] = hi[1] < 0 and 0 / 0 or lo[axis]
        y[(k - 1) * 6 + 3 + axis] = hi[1] < 0 and 0 / 0 or hi[axis]
      end
    end
    return y
  end,
  cases = {
    { mask = { shape = { 2, 5, 6, 7 }, dtype = "u8",
      fill = function(i) return (i == 60 or i == 101 or i == 215) and 3 or 0 end } },
    { mask = { shape = { 4, 4, 4 }, dtype = "f32", fill = function(i) return i == 22 and 0.5 or -1 end } },
    { mask = "bool[2,3,4,5,1]" },
    { mask = { shape = { 3, 3, 3 }, dtype = "u8", fill = function() return 0 end } },
    { mask = "u8[0,2,3]" },
  },
  tol = 0,
  grad = false,
}
