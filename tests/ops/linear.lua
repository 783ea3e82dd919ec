local ss = require "semisam"
local ref = require "tests.lib.ref"

local function erf(x) -- series and continued fraction, to double precision
  local z = math.abs(x)
  if z > 3 then
    local f = 0
    for k = 60, 1, -1 do f = k / 2 / (z + f) end
    local c = math.exp(-z * z) / math.sqrt(math.pi) / (z + f)
    return x > 0 and 1 - c or c - 1
  end
  local term, sum = x, x
  for n = 1, 60 do
    term = -term * x * x / n
    sum = sum + term / (2 * n + 1)
  end
  return 2 / math.sqrt(math.pi) * sum
end

local act = {
  none = function(z) return z end,
  relu = function(z) return z < 0 and 0 or z end,
  gelu = function(z) return 0.5 * z * (1 + erf(z / math.sqrt(2))) end,
  silu = function(z) return z / (1 + math.exp(-z)) end,
}

return {
  def = function(a)
    local x, w, shape = a.x, a.weight, {}
    for i, s in ipairs(x.shape) do shape[i] = s end
    local k, n = w.shape[2], w.shape[1]
    shape[#shape] = n
    return ref.new(shape, function(i)
      local row, o = (i - 1) // n, (i - 1) % n
      local sum = a.bias and a.bias[o + 1] or 0
      for j = 1, k do sum = sum + x[row * k + j] * w[o * k + j] end
      return act[a.act](sum) + (a.residual and a.residual[i] or 0)
    end)
  end,
  cases = {
    { x = "f32[3,5]", weight = "f32[4,5]", bias = "f32[4]" },
    { x = "f32[2,3,17]", weight = "f32[33,17]" },
    { x = "f32[7]", weight = "f32[2,7]", bias = "f32[2]" },
    { x = "f32[2,2,6]", weight = "f32[19,6]", bias = "f32[19]", act = "gelu" },
    { x = "f32[9,6]", weight = "f32[5,6]", act = "relu" },
    { x = "f32[9,6]", weight = "f32[5,6]", bias = "f32[5]", act = "silu" },
    { x = "f32[300,8]", weight = "f32[6,8]", bias = "f32[6]", act = "gelu" }, -- rearranged weight
    { x = "f32[3,5]", weight = "f32[4,5]", bias = "f32[4]", residual = "f32[3,4]" },
    { x = "f32[2,150,8]", weight = "f32[6,8]", residual = "f32[2,150,6]", act = "gelu" },
    { x = "f32[0,5]", weight = "f32[4,5]", bias = "f32[4]" },
    { x = "f32[3,0]", weight = "f32[4,0]", bias = "f32[4]" },
  },
  tol = 2e-6,
  more = {
    function() -- the packed copy of a frozen weight follows the weight
      local x, w = ss.ones { 300, 8 }, ss.ones({ 4, 8 }):freeze_()
      assert(x:linear(w):flat()[1200] == 8 and x:linear(w):flat()[1] == 8)
      w:fill_(2)
      assert(x:linear(w):flat()[1200] == 16)
      assert(x:to("bf16"):linear(w):flat()[7] == 16 and x:to("f16"):linear(w):flat()[7] == 16)
    end,
    function() -- and counts on the meta device as it does on the processor
      local used = {}
      for i, device in ipairs { "cpu", "meta" } do
        local before = ss.memory(device).used
        local w = ss.zeros({ 96, 64 }, { device = device }):freeze_()
        local y = ss.zeros({ 300, 64 }, { device = device }):linear(w)
        used[i] = ss.memory(device).used - before
        y:release()
      end
      assert(used[1] == used[2], ("cpu %d, meta %d"):format(used[1], used[2]))
    end,
  },
  errors = {
    { { x = "f32[3,5]", weight = "f32[4,6]" }, "f32%[3,5%].*f32%[4,6%]" },
    { { x = "f32[3,5]", weight = "f32[4,5]", bias = "f32[5]" }, "bias of 4 values" },
    { { x = "f32[3,5]", weight = "f32[4,5]", residual = "f32[3,5]" }, "residual must have" },
    { { x = "f32[3,5]", weight = "f32[5]" }, "2 axes %[out, in%]" },
  },
}
