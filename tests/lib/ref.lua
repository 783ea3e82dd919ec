-- Reference arrays: flat lists of Lua doubles, row-major, with a `shape`. Op definitions use them.
local ref = {}

---Number of elements of a shape.
---@param shape integer[]
function ref.count(shape)
  local n = 1
  for _, s in ipairs(shape) do n = n * s end
  return n
end

---New array; `fn(i)` gives element i (1-based, row-major), 0 without it.
---@param shape integer[]
---@param fn? fun(i: integer): number
function ref.new(shape, fn)
  local copy = {}
  for i, s in ipairs(shape) do copy[i] = s end
  local a = { shape = copy }
  for i = 1, ref.count(shape) do a[i] = fn and fn(i) or 0 end
  return a
end

---Zeros in the shape of `a`.
function ref.like(a, fn)
  return ref.new(a.shape, fn)
end

---Flat position of 1-based indices, one per axis.
function ref.index(a, ...)
  local at, given = 0, { ... }
  for axis, s in ipairs(a.shape) do
    local i = given[axis]
    assert(math.type(i) == "integer" and i >= 1 and i <= s, "ref.index: out of range")
    at = at * s + i - 1
  end
  return at + 1
end

---Element at 1-based indices.
function ref.get(a, ...)
  return a[ref.index(a, ...)]
end

---1-based indices of flat position i.
function ref.where(a, i)
  local at, rest = {}, i - 1
  for axis = #a.shape, 1, -1 do
    at[axis] = rest % a.shape[axis] + 1
    rest = rest // a.shape[axis]
  end
  return at
end

---Flat position in `a`, broadcast against the right-aligned indices `at` of a larger array.
function ref.broadcast(a, at)
  local pos, shift = 0, #at - #a.shape
  for axis, s in ipairs(a.shape) do
    local i = s == 1 and 1 or at[axis + shift]
    pos = pos * s + i - 1
  end
  return pos + 1
end

---Shape that a and b broadcast to.
function ref.broadcast_shape(a, b)
  local n, shape = math.max(#a, #b), {}
  for i = 1, n do
    local x, y = a[i - (n - #a)] or 1, b[i - (n - #b)] or 1
    shape[i] = x == 1 and y or x
  end
  return shape
end

return ref
