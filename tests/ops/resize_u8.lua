local ref = require "tests.lib.ref"
local t = require "tests.lib.t"
local ss = require "semisam"

local function cubic(x)
  x = math.abs(x)
  if x < 1 then return 1.5 * x ^ 3 - 2.5 * x ^ 2 + 1 end
  return x < 2 and -0.5 * x ^ 3 + 2.5 * x ^ 2 - 4 * x + 2 or 0
end

-- { first, weights } of every output, in units of 2^-22.
local function taps(nin, nout)
  local scale, list = nin / nout, {}
  local fs = math.max(1, scale)
  for o = 0, nout - 1 do
    local centre, w, sum = (o + 0.5) * scale, {}, 0
    local lo = math.max(math.tointeger((centre - 2 * fs + 0.5) // 1), 0)
    local hi = math.min(math.tointeger((centre + 2 * fs + 0.5) // 1), nin) - 1
    for j = lo, hi do
      w[j - lo + 1] = cubic((j - centre + 0.5) / fs)
      sum = sum + w[j - lo + 1]
    end
    for k, v in ipairs(w) do
      local fixed = v / sum * 2 ^ 22
      w[k] = fixed < 0 and math.ceil(fixed - 0.5) or math.floor(fixed + 0.5)
    end
    list[o] = { lo, w }
  end
  return list
end

-- One pass along `axis` (2 rows, 3 columns) of [n, h, w, c].
local function pass(x, axis, nout)
  local nin = x.shape[axis]
  if nin == nout then return x end
  local shape, weights = { table.unpack(x.shape) }, taps(nin, nout)
  shape[axis] = nout
  local y = ref.new(shape)
  for i = 1, #y do
    local at = ref.where(y, i)
    local lo, w = table.unpack(weights[at[axis] - 1])
    local sum = 1 << 21
    for k, v in ipairs(w) do
      at[axis] = lo + k
      sum = sum + v * ref.get(x, table.unpack(at))
    end
    y[i] = math.max(0, math.min(255, math.tointeger(sum // 2 ^ 22)))
  end
  return y
end

local function noise(...)
  return { shape = { ... }, dtype = "u8", fill = function(i) return i * 7919 // 13 * 31 % 256 end }
end

return {
  def = function(a) return pass(pass(a.x, 3, a.size[2]), 2, a.size[1]) end,
  cases = {
    { x = noise(2, 5, 6, 1), size = { 11, 9 } },
    { x = noise(1, 13, 17, 1), size = { 4, 5 } },
    { x = noise(1, 7, 9, 3), size = { 12, 4 } },
    { x = noise(1, 6, 8, 2), size = { 6, 16 } },
    { x = noise(1, 6, 8, 1), size = { 9, 8 } },
    { x = noise(2, 4, 3, 1), size = { 4, 3 } },
    { x = noise(1, 1, 1, 1), size = { 3, 3 } },
    { x = noise(1, 9, 9, 1), size = { 1, 1 } },
    { x = noise(0, 2, 2, 1), size = { 3, 3 } },
    { x = { shape = { 1, 2, 6, 1 }, dtype = "u8", -- overshoots beyond both ends
      fill = function(i) return i % 6 < 3 and 0 or 255 end }, size = { 4, 24 } },
  },
  tol = 0,
  grad = false,
  errors = {
    { { x = "u8[2,3,4]", size = { 3, 3 } }, "%[n, h, w, c%]" },
    { { x = "i32[2,3,4,1]", size = { 3, 3 } }, "must be u8, got i32" },
    { { x = "u8[2,3,4,1]", size = { 3, 0 } }, "positive, got 0" },
    { { x = "u8[2,0,4,1]", size = { 3, 3 } }, "no positions along axis 2" },
  },
  more = {
    function() -- a constant stays what it is
      local y = ss.full({ 1, 5, 7, 1 }, 201, { dtype = "u8" }):resize_u8 { 31, 3 }
      t.eq({ y:min():item(), y:max():item() }, { 201, 201 })
    end,
  },
}
