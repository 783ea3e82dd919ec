-- Pooling over Lua doubles, channels last, for tests/ops/*pool*.lua.
local ref = require "tests.lib.ref"
local per_axis = require("tests.lib.convref").per_axis
local pool = {}

-- Calls fn(x position, y position, tap) for every element of every window.
local function each(a, nd, xs, ys, fn)
  local kernel = per_axis(a.kernel, nd)
  local stride, pad = a.stride and per_axis(a.stride, nd) or kernel, per_axis(a.pad, nd, 0)
  local c, taps, outs = xs[nd + 2], 1, 1
  for i = 1, nd do taps, outs = taps * kernel[i], outs * ys[1 + i] end
  for p = 0, ys[1] * outs - 1 do
    for t = 0, taps - 1 do
      local at, inside, rest_p, rest_t, step = 0, true, p % outs, t, 1
      for i = nd, 1, -1 do
        local x = rest_p % ys[1 + i] * stride[i] - pad[i] + rest_t % kernel[i]
        rest_p, rest_t = rest_p // ys[1 + i], rest_t // kernel[i]
        inside = inside and x >= 0 and x < xs[1 + i]
        at, step = at + x * step, step * xs[1 + i]
      end
      if inside then
        for k = 1, c do fn((p // outs * step + at) * c + k, p * c + k, t) end
      end
    end
  end
  return taps
end

local function out_shape(a, nd)
  local kernel, shape = per_axis(a.kernel, nd), { a.x.shape[1] }
  local stride, pad = a.stride and per_axis(a.stride, nd) or kernel, per_axis(a.pad, nd, 0)
  for i = 1, nd do shape[1 + i] = (a.x.shape[1 + i] + 2 * pad[i] - kernel[i]) // stride[i] + 1 end
  shape[nd + 2] = a.x.shape[nd + 2]
  return shape
end

function pool.max(a, nd)
  local y = ref.new(out_shape(a, nd), function() return -math.huge end)
  each(a, nd, a.x.shape, y.shape, function(i, o)
    if a.x[i] > y[o] or a.x[i] ~= a.x[i] then y[o] = a.x[i] end
  end)
  return y
end

local function counts(a, nd, xs, ys)
  local n = ref.new(ys)
  local taps = each(a, nd, xs, ys, function(_, o) n[o] = n[o] + 1 end)
  if a.count_include_pad then for i = 1, #n do n[i] = taps end end
  return n
end

function pool.avg(a, nd)
  local y = ref.new(out_shape(a, nd))
  local n = counts(a, nd, a.x.shape, y.shape)
  each(a, nd, a.x.shape, y.shape, function(i, o) y[o] = y[o] + a.x[i] / n[o] end)
  return y
end

local function in_shape(a, nd)
  local shape, size = { a.dy.shape[1] }, per_axis(a.size, nd)
  for i = 1, nd do shape[1 + i] = size[i] end
  shape[nd + 2] = a.dy.shape[nd + 2]
  return shape
end

function pool.max_dx(a, nd)
  local dx = ref.new(in_shape(a, nd))
  each(a, nd, dx.shape, a.dy.shape, function(i, o, t)
    if a.which[o] == t then dx[i] = dx[i] + a.dy[o] end
  end)
  return dx
end

function pool.avg_dx(a, nd)
  local dx = ref.new(in_shape(a, nd))
  local n = counts(a, nd, dx.shape, a.dy.shape)
  each(a, nd, dx.shape, a.dy.shape, function(i, o) dx[i] = dx[i] + a.dy[o] / n[o] end)
  return dx
end

return pool
