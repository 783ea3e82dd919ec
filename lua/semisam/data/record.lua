-- record.lua — what an augmentation draw decided: a list of op calls {name, attributes} that can be
-- run, undone and, being plain data, handed to loader threads or stored.
local ss = require "semisam"

local Record = {}
Record.__index = Record

-- Runs one call. Matrices and boxes are lists in a record and tensors for the op.
local function run(call, x, kind)
  local name, attrs = call[1], call[2]
  if type(name) == "function" then return name(x) end
  if name == "affine" then
    return ss.affine_sample(x, ss.tensor(attrs.matrix),
      { size = attrs.size, mode = kind == "label" and "nearest" or "linear" })
  end
  if name == "cutout" then return ss.cutout(x, ss.tensor(attrs.box)) end
  return ss[name](x, attrs)
end

--- The augmented volume [..., d, h, w, c]. Labels are resampled by the nearest voxel.
---@param x semisam.tensor
---@param kind? "image"|"label"
function Record:apply(x, kind)
  local batch = #x.shape == 4 and x:reshape { 1, x.shape[1], x.shape[2], x.shape[3],
    x.shape[4] } or x
  for _, call in ipairs(self.calls) do batch = run(call, batch, kind) end
  if batch == x or #x.shape == 5 then return batch end
  return batch:reshape { batch.shape[2], batch.shape[3], batch.shape[4], batch.shape[5] }
end

--- The calls as steps of a loader job that change the register `name`; nil if one of them is a Lua
--- function, which only the main thread runs.
---@param name string
---@param kind? "image"|"label"
function Record:steps(name, kind)
  local out = {}
  for i, call in ipairs(self.calls) do
    local op, attrs, input = call[1], call[2], name
    if type(op) == "function" then return nil end
    if op == "affine" then
      input = { name, ss.tensor(attrs.matrix) }
      op, attrs = "affine_sample",
        { size = attrs.size, mode = kind == "label" and "nearest" or "linear" }
    elseif op == "cutout" then
      input, attrs = { name, ss.tensor(attrs.box) }, {}
    end
    out[i] = { op, input, attrs, to = name }
  end
  return out
end

local function inverse_matrix(m)
  local a, b, c = m[1][1], m[1][2], m[1][3]
  local d, e, f = m[2][1], m[2][2], m[2][3]
  local g, h, i = m[3][1], m[3][2], m[3][3]
  local det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
  local inv = {
    { (e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det },
    { (f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det },
    { (d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det },
  }
  for _, row in ipairs(inv) do
    row[4] = -(row[1] * m[1][4] + row[2] * m[2][4] + row[3] * m[3][4])
  end
  return inv
end

-- The call that undoes `call`, which turned a volume of `shape` into something.
local function undo(call, shape)
  local name, attrs = call[1], call[2]
  if name == "flip" then return call end
  if name == "rot90" then
    return { "rot90", { dim1 = attrs.dim1, dim2 = attrs.dim2, k = 4 - attrs.k } }
  end
  if name == "affine" then
    return { "affine", { matrix = inverse_matrix(attrs.matrix), size = shape } }
  end
  if name == "slice" then
    local pads = { 0, 0, 0, 0, 0, 0, 0, 0 } -- pairs from the last axis backwards
    local at = -2 * attrs.dim - 1
    pads[at], pads[at + 1] = attrs.start - 1, shape[attrs.dim + 5] - attrs.stop
    return { "pad", { pads = pads } }
  end
  error(("record: %s cannot be undone; only geometry has an inverse"):format(tostring(name)), 3)
end

-- Sides d, h, w after a call.
local function shape_after(call, shape)
  local out = { shape[1], shape[2], shape[3] }
  if call[1] == "rot90" and call[2].k % 2 == 1 then
    local a, b = call[2].dim1 + 5, call[2].dim2 + 5
    out[a], out[b] = shape[b], shape[a]
  elseif call[1] == "pad" then
    for i = 1, 3 do
      local at = 9 - 2 * i
      out[i] = out[i] + call[2].pads[at] + call[2].pads[at + 1]
    end
  elseif call[1] == "slice" then
    out[call[2].dim + 5] = call[2].stop - call[2].start + 1
  elseif call[1] == "affine" then
    out = { table.unpack(call[2].size) }
  end
  return out
end

-- A record of `calls` on a volume of sides `shape` (d, h, w).
local function new(calls, shape)
  local self = setmetatable({ calls = calls, shape = shape, exact = true, shapes = { shape } },
    Record)
  for i, call in ipairs(calls) do
    if call[1] == "affine" or call[1] == "slice" then self.exact = false end
    self.shapes[i + 1] = shape_after(call, self.shapes[i])
  end
  return self
end

--- Sides d, h, w of what comes out.
function Record:size_after()
  return self.shapes[#self.shapes]
end

--- The record that undoes this one. Exact for flips and turns.
function Record:inverse()
  local calls = {}
  for i = #self.calls, 1, -1 do
    calls[#calls + 1] = undo(self.calls[i], self.shapes[i])
  end
  return new(calls, self.shapes[#self.shapes])
end

--- Where a volume that went through this record and back holds its own values: 0/1 [1, d, h, w, 1].
function Record:validity()
  local one = ss.ones { 1, self.shape[1], self.shape[2], self.shape[3], 1 }
  return self:inverse():apply(self:apply(one)):gt(0.999):to("f32")
end

--- Points { {z, y, x}, ... } of the volume in the augmented one. Flips, turns and crops.
function Record:points(points)
  local out = {}
  for n, p in ipairs(points) do
    local q = { p[1], p[2], p[3] }
    for i, call in ipairs(self.calls) do
      local size, attrs = self.shapes[i], call[2]
      if call[1] == "flip" then
        local a = attrs.dims[1] + 5
        q[a] = size[a] - 1 - q[a]
      elseif call[1] == "rot90" then
        local a, b, now = attrs.dim1 + 5, attrs.dim2 + 5, { table.unpack(size) }
        for _ = 1, attrs.k do
          q[a], q[b] = now[b] - 1 - q[b], q[a]
          now[a], now[b] = now[b], now[a]
        end
      elseif call[1] == "slice" then
        q[attrs.dim + 5] = q[attrs.dim + 5] - (attrs.start - 1)
      else
        error("points: only flips, turns and crops move points exactly", 2)
      end
    end
    out[n] = q
  end
  return out
end

return { new = new, shape_after = shape_after }
