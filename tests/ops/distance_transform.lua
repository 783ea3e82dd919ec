local mask = require "tests.lib.mask"
local ref = require "tests.lib.ref"

-- Mostly inside, so that distances grow.
local function sparse(shape)
  return { shape = shape, dtype = "u8", fill = function(i) return (i * 7919) % 101 < 97 and 1 or 0 end }
end

return {
  def = function(a)
    local y = ref.new(a.mask.shape)
    local spacing = mask.spacing(a.spacing)
    for k, v in ipairs((mask.volumes(a.mask))) do
      for i = 1, v.count do
        local z, yy, x = mask.zyx(v, i)
        y[(k - 1) * v.count + i] = mask.distance(v, z, yy, x, spacing, function(j) return not v[j] end)
      end
    end
    return y
  end,
  cases = {
    { mask = sparse { 8, 9, 20 } },
    { mask = sparse { 2, 7, 5, 6 },
      spacing = { shape = { 3 }, fill = function(i) return ({ 0.5, 2, 1.25 })[i] end } },
    { mask = "f32[2,3,5,4,1]", spacing = { shape = {}, fill = function() return 0.5 end } },
    { mask = sparse { 1, 1, 40 } },
    { mask = sparse { 40, 1, 3 } },
    { mask = { shape = { 3, 3, 3 }, dtype = "u8", fill = function() return 0 end } },
    { mask = { shape = { 3, 3, 3 }, dtype = "u8", fill = function() return 1 end } },
    { mask = "u8[3,0,4]" },
  },
  tol = 1e-6,
  grad = false,
  errors = {
    { { mask = "u8[2,3,4]", spacing = "f32[2]" }, "spacing holds 1 or 3.*2" },
    { { mask = "u8[2,3,4]", spacing = { shape = { 3 }, fill = function() return -1 end } },
      "spacing %-1.* is outside" },
  },
}
