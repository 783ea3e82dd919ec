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
    local x, rank, shape = a.x, #a.x.shape, {}
    for k = 1, rank do
      local p = 2 * (rank - k)
      shape[k] = x.shape[k] + (a.pads[p + 1] or 0) + (a.pads[p + 2] or 0)
    end
    return ref.new(shape, function(i)
      local at = ref.where({ shape = shape }, i)
      for k = 1, rank do
        at[k] = source(at[k], a.pads[2 * (rank - k) + 1] or 0, x.shape[k], a.mode)
        if not at[k] then return a.value end
      end
      return x[ref.index(x, table.unpack(at))]
    end)
  end,
  cases = {
    { x = "f32[2,3]", pads = { 1, 2 } }, { x = "f32[2,3,2]", pads = { 0, 0, 1, 2 }, value = 7 },
    { x = "f32[2,3,4,2]", pads = { 0, 0, 1, 0, 2, 1, 0, 1 } }, { x = "f32[4,5]", pads = { -1, -2, 1, -1 } },
    { x = "f32[3,4,2]", pads = { 0, 0, 2, 1, 1, 3 }, mode = "edge" },
    { x = "f32[3,4,2]", pads = { 0, 0, 3, 2, 1, 2 }, mode = "reflect" },
    { x = "f32[3,4]", pads = { -1, 2, 1, 0 }, mode = "edge" },
    { x = "f32[0,2]", pads = { 1, 1, 2, 0 }, value = -1 }, { x = "i32[3]", pads = { 1, 1 }, value = 3 },
    { x = "bool[3]", pads = { 1, 1 }, value = 1 }, { x = "f32[3]", pads = {} }, { x = "f32[]", pads = {} },
    { x = "f32[3]", pads = { -3, 0 } }, { x = "u8[5]", pads = { 2, 1 }, value = 9 },
    { x = "f32[3,8]", pads = { 0, 0, 2, 1 }, value = 0.5 }, { x = "i64[2,3]", pads = { 0, 1 }, value = -4 },
  },
  errors = {
    { { x = "f32[3]", pads = { 1 } }, "pads has 1 entries" },
    { { x = "f32[3]", pads = { 1, 1, 1, 1 } }, "at most 1 axes" },
    { { x = "f32[3]", pads = { 3, 0 }, mode = "reflect" }, "axis 1 of size 3 has no 3 places" },
    { { x = "f32[0]", pads = { 1, 0 }, mode = "edge" }, "axis 1 of size 0" },
    { { x = "f32[3]", pads = { -2, -2 } }, "do not fit axis 1 of size 3" },
  },
}
