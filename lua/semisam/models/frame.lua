-- models/frame.lua — a generalist in its own frame: volumes are resampled to the voxel size it was
-- trained on, cut or padded to its cube if it has one, and normalised as it wants; prompts go the
-- same way, answers come back. Without a known voxel size the network resizes whole volumes itself.
--
-- The cube of a volume that is larger than it lies around the prompt (the middle of a mask or box,
-- else of the points), as in SAM-Med3D's inference; answers outside of it are background.
local ss = require "semisam"
local nn = require "semisam.nn"
local prep = require "semisam.models.prep"
local role = require "semisam.models.role"

local M = {}

local OUTSIDE = -10 -- logit of what the cube did not show

local Teacher = {}
Teacher.__index = Teacher

---@param net table promptable: encode(x), decode(code, prompts), prep = { norm, spacing?, size? }
---@param opts { data_spacing: number?, spacing: number?, norm: string?,
---  channel: integer? }? channel: the one of the image it sees, 1; data_spacing: voxel side
---  in mm of the volumes that will come (isotropic; nil: not known); the others replace `prep`'s
---@return table teacher with encode and decode as net
function M.new(net, opts)
  opts = opts or {}
  local own = net.prep or {}
  local p = { norm = opts.norm or own.norm or "none" }
  if not prep.norms[p.norm] then prep.prepare(p) end -- refuses it, naming the known ones
  local spacing = opts.spacing or own.spacing
  return setmetatable({ net = net, prep = p, cube = own.size, spacing = spacing,
    channel = opts.channel or 1,
    scale = opts.data_spacing and spacing and opts.data_spacing / spacing or nil }, Teacher)
end

---How the data meet the network, for the log: "" or "; works at .. mm".
---@return string
function Teacher:says()
  if self.scale and not self.cube then return ("; works at %g mm"):format(self.spacing) end
  if not self.cube then return "" end
  if self.scale then
    return ("; works at %g mm in %d x %d x %d voxels"):format(self.spacing,
      table.unpack(self.cube))
  end
  return ("; whole volumes are resized to its %d x %d x %d voxels"):format(
    table.unpack(self.cube))
end

-- x [1, d, h, w, c] from voxel `start` on (may be negative), `size` voxels, `fill` where there is
-- nothing.
local function region(x, start, size, fill)
  local from_last = { 0, 0 }
  for axis = 3, 1, -1 do
    local n = x:size(axis + 1)
    local before, after = math.max(0, -start[axis]), math.max(0, start[axis] + size[axis] - n)
    local a, b = math.max(0, start[axis]), math.min(n, start[axis] + size[axis])
    x = x:slice(axis + 1, a + 1, b)
    from_last[#from_last + 1], from_last[#from_last + 2] = before, after
  end
  for _, n in ipairs(from_last) do
    if n > 0 then return x:pad(from_last, { value = fill }) end
  end
  return x
end

-- Where the cube begins: volumes that fit stand in its middle, of others the prompt's middle does.
local function start_of(code, middle)
  local start, cube = {}, code.cube
  for i = 1, 3 do
    local n = code.work[i]
    if n <= cube[i] then
      start[i] = -((cube[i] - n + 1) // 2)
    else
      local at = math.floor((middle and middle[i] or n / 2) - cube[i] / 2 + 0.5)
      start[i] = math.max(0, math.min(n - cube[i], at))
    end
  end
  return start
end

local function middle_of(list)
  local low, high = { table.unpack(list[1]) }, { table.unpack(list[1]) }
  for _, p in ipairs(list) do
    for i = 1, 3 do low[i], high[i] = math.min(low[i], p[i]), math.max(high[i], p[i]) end
  end
  return { (low[1] + high[1] + 1) / 2, (low[2] + high[2] + 1) / 2, (low[3] + high[3] + 1) / 2 }
end

-- Middle of the part of a mask prompt that is inside, nil if nothing is.
local function middle_of_mask(mask)
  local box = ss.mask_box(mask:gt(0):reshape { mask:size(2), mask:size(3), mask:size(4) })
  local b = box:flat()
  if b[1] ~= b[1] then return nil end -- nothing is inside
  return { (b[1] + b[4] + 1) / 2, (b[2] + b[5] + 1) / 2, (b[3] + b[6] + 1) / 2 }
end

-- The code of the network for the cube at `start`; kept, as several prompts ask for the same one.
local function seen_at(self, code, start)
  local key = table.concat(start, ",")
  if not code.seen[key] then
    local net_code = ss.scoped(function()
      local part = region(code.x, start, code.cube, 0)
      return self.net:encode(prep.prepare(self.prep, part))
    end)
    for _, t in pairs(net_code) do
      if ss.is_tensor(t) then ss.keep(t) end
    end
    code.seen[key] = net_code
  end
  return code.seen[key]
end

-- One volume [1, d, h, w, c].
local function encode_one(self, x)
  local code = { size = { x:size(2), x:size(3), x:size(4) }, work = {}, seen = {} }
  local same, fits = true, true
  for i = 1, 3 do
    code.work[i] = math.max(1, math.floor(code.size[i] * self.scale + 0.5))
    same = same and code.work[i] == code.size[i]
    fits = fits and (not self.cube or code.work[i] <= self.cube[i])
  end
  code.cube = self.cube or code.work
  code.x = same and x or x:resize(code.work, { mode = "linear" })
  if fits then seen_at(self, code, start_of(code)) end
  return code
end

---What the network sees of volumes.
---@param x tensor [n, d, h, w, c] as the data come, not prepare()d
---@return table code for decode
function Teacher:encode(x)
  if x:size(5) > 1 then
    if self.channel > x:size(5) then
      error(("%s: channel %d was asked for, the image has %d"):format(self.net.name, self.channel,
        x:size(5)), 0)
    end
    x = x:slice(5, self.channel, self.channel)
  end
  if not self.scale then
    return { whole = self.net:encode(prep.prepare(self.prep, x)) }
  end
  local list = {}
  for i = 1, x:size(1) do list[i] = encode_one(self, x:slice(1, i, i)) end
  return { list = list }
end

-- A voxel position of the data in the cube's voxels.
local function moved(p, code, start)
  local q = {}
  for i = 1, 3 do q[i] = (p[i] + 0.5) * code.work[i] / code.size[i] - 0.5 - start[i] end
  return q
end

local function moved_all(list, code, start)
  local out = {}
  for i, p in ipairs(list) do out[i] = moved(p, code, start) end
  return out
end

local ZERO = { 0, 0, 0 }

local function answer(self, code, one)
  local mask = one.mask and role.mask_on(one.mask, code.work)
  local middle = mask and middle_of_mask(mask)
  local places = one.box or one.points
  if not middle and places then middle = middle_of(moved_all(places, code, ZERO)) end
  local start = start_of(code, middle)
  local asked = { labels = one.labels,
    points = one.points and moved_all(one.points, code, start),
    box = one.box and moved_all(one.box, code, start),
    mask = mask and region(mask, start, code.cube, mask:min():item()) }
  local logits = self.net:decode(seen_at(self, code, start), asked)
  local back = {}
  for i = 1, 3 do back[i] = -start[i] end
  logits = region(logits, back, code.work, OUTSIDE)
  return logits:resize(code.size, { mode = "linear" })
end

---Logits of the prompted object on the grid of the data. Prompts as in models/role.lua.
---@return tensor [n, d, h, w, 1]
function Teacher:decode(code, prompts)
  if code.whole then return self.net:decode(code.whole, prompts) end
  return ss.scoped(function()
    local list = {}
    for i, one in ipairs(role.each(prompts, #code.list, true)) do
      list[i] = ss.scoped(answer, self, code.list[i], one)
    end
    return nn.cat(list, 1)
  end)
end

-- ---- networks that take no prompt ---------------------------------------------------------------

local Voter = {}
Voter.__index = Voter

---A network without prompts as one more voice: its answer to the volume, whatever is asked.
---@param net table forward(x) -> logits [n, d, h, w, c]
---@param opts { norm: string? }?
function M.voter(net, opts)
  local norm = opts and opts.norm or net.prep and net.prep.norm or "none"
  return setmetatable({ net = net, prep = { norm = norm } }, Voter)
end

function Voter:encode(x)
  local logits = self.net(prep.prepare(self.prep, x))
  local c = logits:size(5)
  if c == 1 then return { logits = logits } end
  -- log of (sum of the objects' shares / background's share)
  local top = logits:max { dims = { 5 }, keepdim = true }
  local object = (logits:slice(5, 2, c) - top):exp():sum { dims = { 5 }, keepdim = true }
  return { logits = (object:maximum(1e-30)):log() + top - logits:slice(5, 1, 1) }
end

function Voter.decode(_, code) return code.logits:copy() end

return M
