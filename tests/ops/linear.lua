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
      for _, dtype in ipairs { "f32", "bf16" } do
        local used = {}
        for i, device in ipairs { "cpu", "meta" } do
          local before = ss.memory(device).used
          local w = ss.zeros({ 96, 64 }, { device = device }):freeze_()
          local y = ss.zeros({ 300, 64 }, { device = device }):to(dtype):linear(w)
          used[i] = ss.memory(device).used - before
          y:release()
        end
        assert(used[1] == used[2], ("%s: cpu %d, meta %d"):format(dtype, used[1], used[2]))
      end
    end,
    function() -- bf16 with a frozen weight: as f32 says of the same numbers, on one thread and two
      -- the processor's own code; a device emulated under the sanitizers takes minutes for these sizes
      if os.getenv "SEMISAM_TEST" == "reduced" and ss.default_device() ~= "cpu" then
        print "skip linear: large products in bf16 take minutes on an emulated device with the sanitizers"
        return
      end
      local function half(x) return x:to("bf16"):to("f32") end
      for i, size in ipairs { { 64, 32, 32 }, { 65, 96, 64 }, { 131, 64, 96 }, { 200, 800, 1056 },
        { 70, 1632, 64 }, { 450, 1632, 32 } } do
        local m, k, n = table.unpack(size)
        local x, r = half(ss.normal({ m, k }, i)), half(ss.normal({ m, n }, 10 + i))
        local w, b = half(ss.normal({ n, k }, 20 + i) * (1.5 / math.sqrt(k))),
          half(ss.normal({ n }, 30 + i))
        for form = 0, 7 do
          local own, bias, more = w:copy(), form & 2 > 0 and b or nil, form & 4 > 0 and r or nil
          local o = { act = form & 1 > 0 and "gelu" or "none" }
          local want = ss.linear(x, w, bias, more, o)
          if form % 3 == 1 then own, bias = own:to "bf16", bias and bias:to "bf16" end
          own:freeze_()
          local function run()
            return ss.linear(x:to "bf16", own, bias, more and more:to "bf16", o)
          end
          local got = run()
          local off = ((got:to "f32" - want):abs() - want:abs() * 0.0044):max():item()
          local most = x.device == "cpu" and 2e-3 or 5e-2 -- others round the product by itself, too
          assert(off < most, ("%d x %d -> %d, form %d: off by %g"):format(m, k, n, form, off))
          local threads = ss.threads()
          for count = 1, 2 do
            ss.threads(count)
            assert((run():to "f32" - got:to "f32"):abs():max():item() == 0)
          end
          ss.threads(threads)
        end
      end
    end,
    function() -- GELU of bf16 keeps its relative error as far as it matters, and NaN to its row
      local x = ss.arange(64 * 32):reshape { 64, 32 } / 128 - 8
      local unit = ss.one_hot(ss.arange(32):to "i64", 32):to("bf16"):freeze_()
      x = x:to("bf16")
      local want = x:to("f32"):gelu()
      local got = x:linear(unit, { act = "gelu" }):to "f32"
      local off = ((got - want):abs() - want:abs() * 0.0044):max():item()
      assert(off < 2e-7, ("off by %g"):format(off))
      local function far(v)
        return ss.full({ 64, 32 }, v):to("bf16"):linear(unit, { act = "gelu" }):to("f32")
      end
      assert(far(1000):min():item() == 1000 and far(-1000):abs():max():item() < 1e-6)
      local odd = x:to("f32")
      odd:slice(1, 3, 3):fill_(0 / 0)
      local fine = odd:to("bf16"):linear(unit, { act = "gelu" }):to("f32"):isfinite()
      assert(not fine:slice(1, 3, 3):any():item() and fine:slice(1, 1, 2):all():item()
        and fine:slice(1, 4, 64):all():item())
    end,
  },
  errors = {
    { { x = "f32[3,5]", weight = "f32[4,6]" }, "f32%[3,5%].*f32%[4,6%]" },
    { { x = "f32[3,5]", weight = "f32[4,5]", bias = "f32[5]" }, "bias of 4 values" },
    { { x = "f32[3,5]", weight = "f32[4,5]", residual = "f32[3,5]" }, "residual must have" },
    { { x = "f32[3,5]", weight = "f32[5]" }, "2 axes %[out, in%]" },
  },
}
