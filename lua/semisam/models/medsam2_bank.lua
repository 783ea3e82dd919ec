-- models/medsam2_bank.lua — the memory of the MedSAM2 volume predictor: which slices a slice
-- attends to, and the tokens they give.
--
-- An entry is what is remembered of one slice for all objects together:
--   { memory = [n, e, e, c], pointer = [n, d], low = [n, 4e, 4e, 1], score = [n, 1] }
-- Conditioning slices carry prompts, the others were tracked. Slices are counted from 0.
local ss = require "semisam"
local nn = require "semisam.nn"

local Bank = {}
Bank.__index = Bank

local M = {}

---An empty bank.
function M.new() return setmetatable({ cond = {}, noncond = {}, order = {} }, Bank) end

-- The handles of an entry that nothing refers to any more.
local function drop(entry)
  if entry then
    for _, tensor in pairs(entry) do tensor:release() end
  end
end

---Remember an entry; its tensors are kept. kind is "cond" or "noncond".
function Bank:put(kind, slice, entry)
  for _, tensor in pairs(entry) do ss.keep(tensor) end
  local old = self[kind][slice]
  if kind == "cond" and not old then self.order[#self.order + 1] = slice end
  self[kind][slice] = entry
  if old ~= entry then drop(old) end
end

local function forget(list, slice)
  for i, z in ipairs(list) do
    if z == slice then table.remove(list, i) end
  end
end

---Forget a slice.
function Bank:remove(kind, slice)
  drop(self[kind][slice])
  self[kind][slice] = nil
  if kind == "cond" then forget(self.order, slice) end
end

---A conditioning slice lost its prompts: it counts as tracked from now on.
function Bank:demote(slice)
  local entry = self.cond[slice]
  if not entry then return false end
  self.cond[slice] = nil
  forget(self.order, slice)
  drop(self.noncond[slice])
  self.noncond[slice] = entry
  return true
end

---Forget everything.
function Bank:clear()
  for _, kind in ipairs { "cond", "noncond" } do
    for slice in pairs(self[kind]) do
      drop(self[kind][slice])
      self[kind][slice] = nil
    end
  end
  self.order = {}
end

---Keep only these objects (rows, counted from 1).
function Bank:select(rows)
  local index = ss.tensor(rows, { dtype = "i64" }) - 1
  for _, kind in ipairs { "cond", "noncond" } do
    for slice, entry in pairs(self[kind]) do
      local fewer = {}
      for name, tensor in pairs(entry) do fewer[name] = ss.keep(tensor:index_select(index, 1)) end
      self[kind][slice] = fewer
      drop(entry)
    end
  end
end

-- Conditioning slices in use and the others. At most `most` (-1: all): the nearest before t, the
-- nearest from t on, then the nearest of the rest.
local function select(bank, t, most)
  if most == -1 or #bank.order <= most then return bank.order, {} end
  local before, after
  for _, f in ipairs(bank.order) do
    if f < t and (not before or f > before) then before = f end
    if f >= t and (not after or f < after) then after = f end
  end
  local chosen, rest, place = {}, {}, {}
  if before then chosen[#chosen + 1] = before end
  if after then chosen[#chosen + 1] = after end
  for i, f in ipairs(bank.order) do
    place[f] = i
    if f ~= before and f ~= after then rest[#rest + 1] = f end
  end
  table.sort(rest, function(a, b)
    local da, db = math.abs(a - t), math.abs(b - t)
    if da ~= db then return da < db end
    return place[a] < place[b]
  end)
  while #chosen < most do chosen[#chosen + 1] = table.remove(rest, 1) end
  local unused = {}
  for _, f in ipairs(rest) do unused[f] = bank.cond[f] end
  return chosen, unused
end

-- The slice that is `back` memories away from t at this stride.
local function earlier(t, back, stride, reverse)
  if back == 1 then return reverse and t + 1 or t - 1 end
  if reverse then return -(-(t + 2) // stride) * stride + (back - 2) * stride end
  return (t - 2) // stride * stride - (back - 2) * stride
end

---What slice t attends to.
---   o.slices    in the volume, o.reverse  direction
---   o.maps      spatial memories (num_maskmem), o.stride  between tracked ones
---   o.most      conditioning slices, -1 for all
---   o.pointers  reach of the object pointers in slices, 0 for none
---   o.past      pointers of conditioning slices only from before t
---   o.signed    otherwise distances of conditioning slices lose their sign
---@param t integer slice
---@param o table
---@return {entry: table, row: integer}[] spatial memories; row of the temporal encoding from 0
---@return {entry: table, distance: integer}[] object pointers
function Bank:choose(t, o)
  local chosen, unused = select(self, t, o.most)
  local spatial, pointers = {}, {}
  for _, f in ipairs(chosen) do
    spatial[#spatial + 1] = { entry = self.cond[f], row = o.maps - 1 }
    local distance = o.reverse and f - t or t - f
    if o.pointers > 0 and (distance >= 0 or not o.past) then
      if not o.signed then distance = math.abs(distance) end
      pointers[#pointers + 1] = { entry = self.cond[f], distance = distance }
    end
  end
  for back = o.maps - 1, 1, -1 do
    local f = earlier(t, back, o.stride, o.reverse)
    local entry = self.noncond[f] or unused[f]
    if entry then spatial[#spatial + 1] = { entry = entry, row = back - 1 } end
  end
  for distance = 1, math.min(o.slices, o.pointers) - 1 do
    local f = o.reverse and t + distance or t - distance
    if f < 0 or f >= o.slices then break end
    local entry = self.noncond[f] or unused[f]
    if entry then pointers[#pointers + 1] = { entry = entry, distance = distance } end
  end
  return spatial, pointers
end

-- Row `row` of a tensor of all objects, or all of them.
local function of_object(x, row)
  return row and x:size(1) > 1 and x:slice(1, row, row) or x
end

---The tokens of the slices chosen: spatial memories, then pointers split into pieces as wide as a
---memory token.
---@param net table with config, memory_position, pointer_position
---@param spatial table[] from choose
---@param pointers table[]
---@param scale number distance that counts as 1
---@param row integer? object, from 1; all of them when absent
---@return semisam.tensor memory [n, m, c]
---@return semisam.tensor position [n, m, c]
---@return integer pointer tokens
function M.tokens(net, spatial, pointers, scale, row)
  local memory, position = {}, {}
  local n, c
  for i, one in ipairs(spatial) do
    local x = of_object(one.entry.memory, row)
    n, c = x:size(1), x:size(4)
    memory[i] = x:reshape { n, x:size(2) * x:size(3), c }:to("f32")
    position[i] = net:memory_position(one.row)
  end
  local tokens = 0
  if #pointers > 0 then
    local list, distance = {}, {}
    for i, one in ipairs(pointers) do
      local x = of_object(one.entry.pointer, row)
      list[i], distance[i] = x:to("f32"):reshape { n, x:size(2) // c, c }, one.distance
    end
    tokens = list[1]:size(2) * #pointers
    memory[#memory + 1] = nn.cat(list, 2)
    position[#position + 1] = net:pointer_position(distance, scale)
  end
  memory, position = nn.cat(memory, 2), nn.cat(position, 1)
  local m = memory:size(2)
  return memory, position:reshape { 1, m, c }:expand { n, m, c }, tokens
end

return M
