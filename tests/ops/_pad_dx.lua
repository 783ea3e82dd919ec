local ref = require "tests.lib.ref"

-- Place of an axis of n that padded place i (from 1) shows; nil: the constant.
local function source(i, before, n, mode)
  local j = i - before
  if j >= 1 and j <= n then return j end
  if mode == "constant" then return nil end
  if mode == "edge" then return j < 1 and 1 or n end
  return j < 1 and 2 - j or 2 * n - j
end

return {
  def = function(a)
    local dx, rank = ref.new(a.shape), #a.shape
    for i = 1, #a.dy do
      local at, inside = ref.where(a.dy, i), true
      for k = 1, rank do
        at[k] = source(at[k], a.pads[2 * (rank - k) + 1] or 0, a.shape[k], a.mode)
        inside = inside and at[k] ~= nil
      end
      if inside then
        local to = ref.index(dx, table.unpack(at, 1, rank))
        dx[to] = dx[to] + a.dy[i]
      end
    end
    return dx
  end,
  cases = {
    { dy = "f32[4,6,2]", shape = { 3, 4, 2 }, pads = { 0, 0, 1, 1, 0, 1 }, mode = "edge" },
    { dy = "f32[7]", shape = { 3 }, pads = { 2, 2 }, mode = "reflect" },
    { dy = "f32[5]", shape = { 3 }, pads = { 1, 1 } },
    { dy = "f32[0,2]", shape = { 0, 1 }, pads = { 1, 0 }, mode = "edge" },
  },
  errors = { { { dy = "f32[5]", shape = { 3 }, pads = { 1, 0 } }, "not the wanted shape" } },
}
