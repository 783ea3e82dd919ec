local ref = require "tests.lib.ref"

return {
  def = function(a)
    local drop, shape = {}, {}
    for _, d in ipairs(a.dims or {}) do drop[d] = true end
    for i, s in ipairs(a.x.shape) do
      if not (drop[i] or (not a.dims and s == 1)) then shape[#shape + 1] = s end
    end
    return ref.new(shape, function(i) return a.x[i] end)
  end,
  cases = {
    { x = "f32[1,3,1,4]" }, { x = "f32[1,3,1,4]", dims = { 3 } },
    { x = "f32[1,1]", dims = { 1, 2 } }, { x = "f32[1,0]" },
    { x = "u8[2,1]" }, { x = "f32[]" },
  },
  errors = { { { x = "f32[1,3]", dims = { 2 } }, "axis 2 has size 3" } },
}
