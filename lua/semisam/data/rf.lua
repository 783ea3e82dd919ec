-- rf.lua — raw echo signals to brightness: the envelope along the beam, then log compression.
local ss = require "semisam"

local rf = {}

local DIM = { d = 1, h = 2, w = 3 }

-- Row 0 of the circular Hilbert transform of n samples (the imaginary part of the inverse transform
-- of a spectrum whose negative frequencies were removed).
local function kernel(n)
  local out = { 0 }
  for k = 1, n - 1 do
    local a = math.pi * k / n
    if n % 2 == 0 then
      out[k + 1] = k % 2 == 1 and 2 / n / math.tan(a) or 0
    else
      out[k + 1] = (math.cos(a) - (-1) ^ k) / math.sin(a) / n
    end
  end
  return out
end

-- The transform as a matrix [n, n]: y = H x.
local function matrix(n)
  local i = ss.arange(n):to("f32")
  local d = i:reshape { n, 1 } - i:reshape { 1, n }
  d = d + d:lt(0):to("f32") * n
  local row = ss.tensor(kernel(n)):to("f32")
  return row:index_select(d:reshape { n * n }:to("i64"), 1):reshape { n, n }
end

--- Magnitude of the analytic signal along the beam.
---@param x semisam.tensor [d, h, w, c]
---@param beam "d"|"h"|"w"
---@return semisam.tensor
function rf.envelope(x, beam)
  local axis = DIM[beam] or error(("rf: beam is d, h or w, got %s"):format(tostring(beam)), 2)
  local order = { 1, 2, 3, 4 }
  order[axis], order[4] = 4, axis
  local y = x:permute(order)
  local turned = y:linear(matrix(x.shape[axis])):permute(order)
  return (x * x + turned * turned):sqrt()
end

--- Decibels below the largest value, from -range to 0, as 0 to 1.
---@param envelope semisam.tensor
---@param range number dB
---@return semisam.tensor
function rf.compress(envelope, range)
  local top = envelope:max():item()
  if top <= 0 then return envelope * 0 end
  local db = (envelope / top):clamp(1e-12, 1):log() * (20 / math.log(10))
  return (db / range + 1):clamp(0, 1)
end

return rf
