-- models/tiny_windows.lua — where tokens go: the index tables of windows over a cube of r tokens
-- per axis, filled up to whole windows of w. Places count from 0, row-major.
--
-- Windows are grouped by how many real tokens they hold along each axis, their box: w, or what is
-- left for the last one. Within a group everything has one shape.
local ss = require "semisam"

local M = {}

-- f(a, b, c) for 0 <= a < n[1], 0 <= b < n[2], 0 <= c < n[3].
local function each(n, f)
  for a = 0, n[1] - 1 do
    for b = 0, n[2] - 1 do
      for c = 0, n[3] - 1 do f(a, b, c) end
    end
  end
end

local function cubic(n) return { n, n, n } end

---The groups: { box = { e0, e1, e2 }, windows = { { n0, n1, n2 }, .. } } in a fixed order.
---@param r integer
---@param w integer
---@return table[]
function M.groups(r, w)
  local k, groups, known = (r + w - 1) // w, {}, {}
  local function real(n) return math.min(w, r - n * w) end
  each(cubic(k), function(...)
    local n = { ... }
    local box = { real(n[1]), real(n[2]), real(n[3]) }
    local key = table.concat(box, ",")
    if not known[key] then
      known[key] = { box = box, windows = {} }
      groups[#groups + 1] = known[key]
    end
    table.insert(known[key].windows, n)
  end)
  return groups
end

local makers = {}

-- The tokens of the windows of a group: in the cube, or r^3 for padding. `part` "all" takes whole
-- windows, "real" their boxes, "seen" their boxes and then padding once.
function makers.sources(r, w, group, part)
  local g, list = M.groups(r, w)[group], {}
  for _, n in ipairs(g.windows) do
    each(part == "all" and cubic(w) or g.box, function(i0, i1, i2)
      local a, b, c = n[1] * w + i0, n[2] * w + i1, n[3] * w + i2
      list[#list + 1] = a < r and b < r and c < r and (a * r + b) * r + c or r * r * r
    end)
    if part == "seen" then list[#list + 1] = r * r * r end
  end
  return list
end

-- Window and inner place whose output a token of the cube receives. The official code lays outputs
-- out in the axis order (n0, i1, n1, n2, i0, i2) and reads them as a cube of k w tokens per axis;
-- "correct" is (n0, i0, n1, i1, n2, i2).
local function origin(reverse, k, w, a, b, c)
  if reverse == "correct" then return a // w, b // w, c // w, a % w, b % w, c % w end
  local p = k * w
  local f = (a * p + b) * p + c
  local i2, i0, n2, n1 = f % w, f // w % w, f // (w * w) % k, f // (w * w * k) % k
  f = f // (w * w * k * k)
  return f // w, n1, n2, i0, f % w, i2
end

-- For every token of the cube its place in the outputs of all groups one after the other. `reverse`
-- "windows": instead, the outputs window by window, padding included.
function makers.targets(r, w, reverse)
  local k, first, at, list = (r + w - 1) // w, {}, 0, {}
  for _, g in ipairs(M.groups(r, w)) do
    for _, n in ipairs(g.windows) do
      first[(n[1] * k + n[2]) * k + n[3]], at = at, at + w * w * w
    end
  end
  if reverse == "windows" then
    for n = 0, k * k * k - 1 do
      for i = 0, w * w * w - 1 do list[#list + 1] = first[n] + i end
    end
    return list
  end
  each(cubic(r), function(a, b, c)
    local n0, n1, n2, i0, i1, i2 = origin(reverse, k, w, a, b, c)
    list[#list + 1] = first[(n0 * k + n1) * k + n2] + (i0 * w + i1) * w + i2
  end)
  return list
end

-- |c - l| for queries c < q and keys l < e.
function makers.offsets(q, e)
  local list = {}
  for c = 0, q - 1 do
    for l = 0, e - 1 do list[#list + 1] = math.abs(c - l) end
  end
  return list
end

-- For queries (a, b, c) of a cube of q and key rows (i, j) of a box: (|a - i| w + |b - j|) q + c.
function makers.rows(q, w, e0, e1)
  local list = {}
  each(cubic(q), function(a, b, c)
    for i = 0, e0 - 1 do
      for j = 0, e1 - 1 do
        list[#list + 1] = (math.abs(a - i) * w + math.abs(b - j)) * q + c
      end
    end
  end)
  return list
end

-- count[t][d]: how many of the places [from, to) are d away from place t, for t < q and d < w.
function makers.counts(q, w, from, to)
  local rows = {}
  for t = 0, q - 1 do
    local row = {}
    for d = 0, w - 1 do row[d + 1] = 0 end
    for u = from, to - 1 do row[math.abs(t - u) + 1] = row[math.abs(t - u) + 1] + 1 end
    rows[t + 1] = row
  end
  return rows
end

---A maker of tables as tensors, each made once: table_of(what, device, ...) with "sources",
---"targets", "offsets", "rows" (i64) or "counts" (f32) and its arguments. They live as long as it.
---@return fun(what: string, device: string, ...: integer|string): tensor
function M.cache()
  local made = {}
  return function(what, device, ...)
    local key = table.concat({ what, device, ... }, ",")
    if not made[key] then
      local dtype = what == "counts" and "f32" or "i64"
      made[key] = ss.keep(ss.tensor(makers[what](...), { dtype = dtype, device = "cpu" })
        :to(device))
    end
    return made[key]
  end
end

return M
