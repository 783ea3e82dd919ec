-- Definition of ops that fold axes: fold(x, dims, keepdim, fn) calls fn(list) with the elements of
-- each fold in row-major order. dims nil: all axes.
local ref = require "tests.lib.ref"

---@return table array of fn's results
return function(x, dims, keepdim, fn)
  local folded, kept, shape = {}, {}, {}
  for axis in ipairs(x.shape) do folded[axis] = dims == nil end
  for _, d in ipairs(dims or {}) do folded[d] = true end
  for axis, s in ipairs(x.shape) do
    kept[axis] = folded[axis] and 1 or s
    if keepdim or not folded[axis] then shape[#shape + 1] = kept[axis] end
  end
  local lists, y = ref.new(kept), ref.new(shape)
  for i = 1, #lists do lists[i] = {} end
  for i = 1, #x do
    local list = lists[ref.broadcast(lists, ref.where(x, i))]
    list[#list + 1] = x[i]
  end
  for i = 1, #lists do y[i] = fn(lists[i]) end
  return y
end
