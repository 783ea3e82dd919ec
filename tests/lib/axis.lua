-- Walks the lines of an array along one axis.
local axis = {}

---Calls fn(at) for every line of `a` along axis `dim`; at(d) is the flat position of element d.
---@param a table reference array
---@param dim integer 1-based, negative from the end
function axis.lines(a, dim, fn)
  if dim < 0 then dim = dim + #a.shape + 1 end
  local d, inner, outer = a.shape[dim] or 1, 1, 1
  for k = 1, dim - 1 do outer = outer * a.shape[k] end
  for k = dim + 1, #a.shape do inner = inner * a.shape[k] end
  for o = 0, outer - 1 do
    for i = 1, inner do
      fn(function(k) return (o * d + k - 1) * inner + i end, d)
    end
  end
end

return axis
