-- Random numbers that are counted, not consumed: every draw is Philox4x32-10 of a key hashed from
-- (seed, epoch, case, purpose, index). Results depend on these names alone: not on the number of
-- loader threads, not on what else was drawn, so a resumed run repeats the uninterrupted one.
local M = {}

local Rng = {}
Rng.__index = Rng

---One block of Philox4x32-10 (Salmon et al., SC 2011) in plain Lua; equals `ss._ops._philox`.
---@param key integer 64 bits
---@param lo integer lower half of the counter
---@param hi? integer upper half, default 0
---@return integer, integer, integer, integer words of 32 bits
function M.block(key, lo, hi)
  hi = hi or 0
  local k0, k1 = key & 0xffffffff, key >> 32
  local c0, c1, c2, c3 = lo & 0xffffffff, lo >> 32, hi & 0xffffffff, hi >> 32
  for _ = 1, 10 do
    local p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
    c0, c1, c2, c3 = (p1 >> 32) ~ c1 ~ k0, p1 & 0xffffffff, (p0 >> 32) ~ c3 ~ k1, p0 & 0xffffffff
    k0, k1 = (k0 + 0x9E3779B9) & 0xffffffff, (k1 + 0xBB67AE85) & 0xffffffff
  end
  return c0, c1, c2, c3
end

-- FNV-1a over the bytes, then the finaliser of SplitMix64: FNV alone mixes its high bits poorly.
local function hash(bytes)
  local h = 0xcbf29ce484222325
  for i = 1, #bytes do h = (h ~ bytes:byte(i)) * 0x100000001b3 end
  h = (h ~ (h >> 30)) * 0xbf58476d1ce4e5b9
  h = (h ~ (h >> 27)) * 0x94d049bb133111eb
  return h ~ (h >> 31)
end

-- A name is an integer or a string; the two kinds never collide ("1" is not 1).
local function encode(what, value)
  if math.type(value) == "integer" then return string.pack("<Bi8", 1, value) end
  if type(value) == "number" and math.tointeger(value) then
    return string.pack("<Bi8", 1, math.tointeger(value))
  end
  if type(value) == "string" then return string.pack("<Bs8", 2, value) end
  error(("rng: %s must be an integer or a string, got %s"):format(what, tostring(value)), 3)
end

local FIELDS = { "seed", "epoch", "case", "purpose" }

---A source of keys and numbers named by its fields (absent ones are 0).
---@param names {seed?: integer|string, epoch?: integer, case?: integer|string, purpose?: string}
---@return table rng
function M.new(names)
  local known, parts = {}, {}
  for i, field in ipairs(FIELDS) do
    known[field] = true
    parts[i] = encode(field, names[field] == nil and 0 or names[field])
  end
  for field in pairs(names) do
    if not known[field] then
      error(("rng: unknown field %q, expected seed, epoch, case or purpose"):format(field), 2)
    end
  end
  return setmetatable({ name = table.concat(parts), drawn = 0 }, Rng)
end

---A 64-bit key for the `key` argument of a random op. Does not advance anything.
---@param index? integer|string which of this source's keys, default 0
---@return integer
function Rng:key(index)
  return hash(self.name .. encode("index", index == nil and 0 or index))
end

---A source of its own below this one, independent of how many numbers were drawn here.
---@param name integer|string
---@return table rng
function Rng:fork(name)
  return setmetatable({ name = self.name .. encode("name", name), drawn = 0 }, Rng)
end

-- The n-th number of this object: the n-th 32-bit pair of its own stream.
local function next_words(self)
  self.base = self.base or hash(self.name .. "draws")
  local a, b = M.block(self.base, self.drawn)
  self.drawn = self.drawn + 1
  return a, b
end

---A uniform number in [lo, hi), default [0, 1), with 53 random bits.
---@param lo? number
---@param hi? number
---@return number
function Rng:number(lo, hi)
  lo, hi = lo or 0.0, hi or 1.0
  local a, b = next_words(self)
  local y = lo + (hi - lo) * (((a >> 5) * 67108864 + (b >> 6)) * 0x1p-53)
  return (y < hi or lo == hi) and y or lo
end

---A whole number lo..hi, both included, each equally likely.
---@param lo integer
---@param hi integer
---@return integer
function Rng:integer(lo, hi)
  local n = hi - lo + 1
  if n < 1 or n > 0xffffffff then
    error(("rng: integer range %s..%s must hold 1 to 2^32-1 values"):format(lo, hi), 2)
  end
  local reject = (0x100000000 - n) % n
  while true do
    local a = next_words(self)
    if a >= reject then return lo + a % n end
  end
end

---A normally distributed number (Box and Muller).
---@param mean? number
---@param std? number
---@return number
function Rng:gauss(mean, std)
  local a, b = next_words(self)
  local r = math.sqrt(-2 * math.log((a + 0.5) * 0x1p-32))
  return (mean or 0) + (std or 1) * r * math.cos(2 * math.pi * b * 0x1p-32)
end

---True with probability p.
---@param p number
---@return boolean
function Rng:chance(p)
  return self:number() < p
end

---The numbers 1..n in random order.
---@param n integer
---@return integer[]
function Rng:permutation(n)
  local order = {}
  for i = 1, n do order[i] = i end
  for i = n, 2, -1 do
    local j = self:integer(1, i)
    order[i], order[j] = order[j], order[i]
  end
  return order
end

---A uniform number in [lo, hi), or, given a shape, a tensor of them.
---@param shape? integer[]
---@param lo? number
---@param hi? number
function Rng:uniform(shape, lo, hi)
  if type(shape) ~= "table" then return self:number(shape, lo) end
  self.drawn = self.drawn + 1
  return require("semisam").uniform(shape, self:key("uniform" .. self.drawn), lo or 0, hi or 1)
end

---A tensor of normally distributed numbers.
---@param shape integer[]
---@param mean? number
---@param std? number
function Rng:normal(shape, mean, std)
  self.drawn = self.drawn + 1
  return require("semisam").normal(shape, self:key("normal" .. self.drawn), mean or 0, std or 1)
end

return setmetatable(M, { __call = function(_, names) return M.new(names or {}) end })
