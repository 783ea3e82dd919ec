local ref = require "tests.lib.ref"
local t = require "tests.lib.t"
local ss = require "semisam"

local function cubic(d, a)
  d = math.abs(d)
  if d <= 1 then return (a + 2) * d ^ 3 - (a + 3) * d ^ 2 + 1 end
  return d < 2 and a * d ^ 3 - 5 * a * d ^ 2 + 8 * a * d - 4 * a or 0
end

-- A kernel as wide as the step, over the inputs within its reach, with sum 1.
local function filter(o, nin, nout, mode)
  local wide, reach = math.max(1, nin / nout), mode == "cubic" and 2 or 1
  local centre, list, sum = (o + 0.5) * nin / nout, {}, 0
  for j = 0, nin - 1 do
    local d = (j + 0.5 - centre) / wide
    if math.abs(d) < reach then
      local w = mode == "cubic" and cubic(d, -0.5) or 1 - math.abs(d)
      list[#list + 1], sum = { j, w }, sum + w
    end
  end
  for _, tap in ipairs(list) do tap[2] = tap[2] / sum end
  return list
end

-- Weights of the inputs of output o (from 0): { {index, weight}, ... }.
local function taps(o, nin, nout, a)
  local mode = a.mode
  if mode == "nearest" then return { { o * nin // nout, 1 } } end
  if a.antialias then return filter(o, nin, nout, mode) end
  local s = (o + 0.5) * nin / nout - 0.5
  if a.align_corners then s = nout > 1 and o * (nin - 1) / (nout - 1) or 0 end
  if mode == "cubic" then
    local i, list = math.floor(s), {}
    for j = i - 1, i + 2 do
      list[#list + 1] = { math.max(0, math.min(j, nin - 1)), cubic(s - j, -0.75) }
    end
    return list
  end
  s = math.max(0, s)
  local i = math.min(math.floor(s), nin - 1)
  return { { i, 1 - (s - i) }, { math.min(i + 1, nin - 1), s - i } }
end

local function def(a)
  local shape = { table.unpack(a.x.shape) }
  for k, s in ipairs(a.size) do shape[k + 1] = s end
  local y = ref.new(shape)
  local function sum(at, from, axis, weight)
    if axis == #shape then
      from[axis] = at[axis]
      return weight * ref.get(a.x, table.unpack(from))
    end
    local s = 0
    for _, tap in ipairs(taps(at[axis] - 1, a.x.shape[axis], shape[axis], a)) do
      from[axis] = tap[1] + 1
      if tap[2] ~= 0 then s = s + sum(at, from, axis + 1, weight * tap[2]) end
    end
    return s
  end
  for i = 1, #y do
    local at = ref.where(y, i)
    y[i] = sum(at, { at[1] }, 2, 1)
  end
  return y
end

return {
  def = def,
  cases = {
    { x = "f32[2,3,4,3]", size = { 5, 7 } },
    { x = "f32[1,2,3,4,2]", size = { 4, 3, 9 } },
    { x = "f32[1,6,9,1]", size = { 4, 3 } },
    { x = "f32[1,4,5,2]", size = { 7, 3 }, align_corners = true },
    { x = "f32[1,4,5,2]", size = { 1, 1 }, align_corners = true },
    { x = "f32[1,2,3,4,16]", size = { 2, 6, 8 }, mode = "nearest" },
    { x = "f32[2,2,3,3]", size = { 5, 4 }, mode = "nearest" },
    { x = "f32[1,7,5,1]", size = { 3, 2 }, mode = "nearest" },
    { x = "f32[1,1,1,2]", size = { 3, 3 } },
    { x = "f32[0,2,2,1]", size = { 3, 3 } },
    { x = "f32[2,7,7,3]", size = { 12, 16 }, mode = "cubic" },
    { x = "f32[1,9,5,2]", size = { 4, 3 }, mode = "cubic" },
    { x = "f32[1,2,1,2]", size = { 5, 3 }, mode = "cubic", align_corners = true },
    { x = "f32[1,3,4,5,2]", size = { 5, 3, 6 }, mode = "cubic" },
    { x = "f32[2,12,9,2]", size = { 5, 4 }, antialias = true },
    { x = "f32[1,3,4,2]", size = { 7, 9 }, antialias = true },
    { x = "f32[1,6,3,8,1]", size = { 2, 5, 3 }, antialias = true },
    { x = "f32[1,16,11,3]", size = { 3, 7 }, mode = "cubic", antialias = true },
    { x = "f32[1,5,8,1]", size = { 1, 1 }, mode = "cubic", antialias = true },
    { x = "f32[0,2,2,1]", size = { 3, 1 }, antialias = true },
  },
  errors = {
    { { x = "f32[2,3,4]", size = { 3 } }, "%[n, h, w, c%]" },
    { { x = "f32[2,3,4,1]", size = { 3 } }, "2 numbers, got 1" },
    { { x = "f32[2,3,4,1]", size = { 3, 0 } }, "positive, got 0" },
    { { x = "f32[2,0,4,1]", size = { 3, 3 } }, "no positions along axis 2" },
    { { x = "u8[2,3,4,1]", size = { 3, 3 } }, "linear needs a float" },
    { { x = "u8[2,3,4,1]", size = { 3, 3 }, mode = "cubic" }, "cubic needs a float" },
    { { x = "f32[2,3,4,1]", size = { 3, 3 }, mode = "nearest", antialias = true },
      "antialias goes with" },
    { { x = "f32[2,3,4,1]", size = { 3, 3 }, align_corners = true, antialias = true },
      "antialias goes with" },
  },
  more = {
    function() -- labels of any integer type
      for _, dtype in ipairs { "bool", "u8", "i32", "i64" } do
        local x = ss.arange(24):to(dtype):reshape { 1, 2, 3, 4, 1 }
        local y = x:resize({ 3, 2, 7 }, "nearest")
        t.eq(y.dtype, dtype)
        t.eq(y:to("f32"):flat(), x:to("f32"):resize({ 3, 2, 7 }, "nearest"):flat())
      end
    end,
  },
}
