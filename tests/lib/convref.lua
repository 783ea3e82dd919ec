-- Convolutions as sums over Lua doubles, channels last, for tests/ops/*conv*.lua.
-- x [n, size.., c], w [o, c/groups, k..], y [n, size.., o] with one or more spatial axes.
local ref = require "tests.lib.ref"
local conv = {}

local function per_axis(v, nd, default)
  local t = {}
  for i = 1, nd do t[i] = type(v) == "table" and v[i] or v or default end
  return t
end
conv.per_axis = per_axis

---Settings of a call with `nd` spatial axes.
function conv.settings(a, nd)
  return {
    nd = nd, groups = a.groups or 1,
    stride = per_axis(a.stride, nd, 1), pad = per_axis(a.pad, nd, 0),
    dilation = per_axis(a.dilation, nd, 1),
  }
end

-- Calls fn(x position, w position, y position) for every product of the sum; xs, ws, ys: shapes.
local function each(s, xs, ws, ys, fn)
  local nd, gc, go = s.nd, ws[2], ws[1] // s.groups
  local taps, outs = 1, 1
  for i = 1, nd do taps, outs = taps * ws[2 + i], outs * ys[1 + i] end
  for n = 0, ys[1] - 1 do
    for p = 0, outs - 1 do
      for t = 0, taps - 1 do
        local at, inside, rest_p, rest_t, step = 0, true, p, t, 1
        for i = nd, 1, -1 do
          local o, k = rest_p % ys[1 + i], rest_t % ws[2 + i]
          rest_p, rest_t = rest_p // ys[1 + i], rest_t // ws[2 + i]
          local x = o * s.stride[i] - s.pad[i] + k * s.dilation[i]
          inside = inside and x >= 0 and x < xs[1 + i]
          at, step = at + x * step, step * xs[1 + i]
        end
        if inside then
          local c_all, o_all = xs[nd + 2], ys[nd + 2]
          for o = 0, o_all - 1 do
            for i = 0, gc - 1 do
              fn((n * step + at) * c_all + o // go * gc + i + 1, (o * gc + i) * taps + t + 1,
                (n * outs + p) * o_all + o + 1)
            end
          end
        end
      end
    end
  end
end

local function fill_bias(y, bias)
  local c = y.shape[#y.shape]
  for i = 1, #y do y[i] = bias and bias[(i - 1) % c + 1] or 0 end
end

---y of a convolution.
function conv.forward(a, nd)
  local s, x, w = conv.settings(a, nd), a.x, a.weight
  local shape = { x.shape[1] }
  for i = 1, nd do
    local reach = s.dilation[i] * (w.shape[2 + i] - 1) + 1
    shape[1 + i] = (x.shape[1 + i] + 2 * s.pad[i] - reach) // s.stride[i] + 1
  end
  shape[nd + 2] = w.shape[1]
  local y = ref.new(shape)
  fill_bias(y, a.bias)
  each(s, x.shape, w.shape, shape, function(i, j, k) y[k] = y[k] + x[i] * w[j] end)
  return y
end

---x of a convolution whose result is `dy`; `size` are x's spatial sizes.
function conv.backward(a, nd, dy, size, bias)
  local s, w = conv.settings(a, nd), a.weight
  local shape = { dy.shape[1] }
  for i = 1, nd do shape[1 + i] = size[i] end
  shape[nd + 2] = w.shape[2] * s.groups
  local x = ref.new(shape)
  fill_bias(x, bias)
  each(s, shape, w.shape, dy.shape, function(i, j, k) x[i] = x[i] + dy[k] * w[j] end)
  return x
end

---Transposed convolution of a.x.
function conv.transpose(a, nd)
  local s, extra, size = conv.settings(a, nd), per_axis(a.output_pad, nd, 0), {}
  for i = 1, nd do
    local reach = s.dilation[i] * (a.weight.shape[2 + i] - 1) + 1
    size[i] = (a.x.shape[1 + i] - 1) * s.stride[i] - 2 * s.pad[i] + reach + extra[i]
    if a.x.shape[1 + i] == 0 then size[i] = 0 end
  end
  return conv.backward(a, nd, a.x, size, a.bias)
end

---Weight and bias gradients.
function conv.weights(a, nd)
  local s, x, dy = conv.settings(a, nd), a.x, a.dy
  local k = per_axis(a.kernel, nd, 1)
  local shape = { dy.shape[nd + 2], x.shape[nd + 2] // s.groups }
  for i = 1, nd do shape[2 + i] = k[i] end
  local w, o = ref.new(shape), dy.shape[nd + 2]
  local db = ref.new { a.bias and o or 0 }
  each(s, x.shape, shape, dy.shape, function(i, j, p) w[j] = w[j] + x[i] * dy[p] end)
  if a.bias then
    for i = 1, #dy do db[(i - 1) % o + 1] = db[(i - 1) % o + 1] + dy[i] end
  end
  return w, db
end

return conv
