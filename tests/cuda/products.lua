-- Products and convolutions on the device against the processor, where the cases of tests/ops are too
-- small or too plain: sums in several chunks, patches, frozen weights, views at odd addresses, mixed
-- types. Run by test_products.lua, which says by what way. Prints "as expected" and the peak memory,
-- which must be the same by every way, or the first wrong value.
local ss = require "semisam"

local function random(shape, key) return ss.uniform(shape, key) - 0.5 end

-- Tensors of `made` on both devices go through fn; its results have to agree within tol.
local function same(what, made, tol, fn)
  local on = {}
  for _, device in ipairs { "cpu", "cuda" } do
    local x = {}
    for i, v in ipairs(made) do x[i] = v:detach():to(device) end
    on[device] = table.pack(fn(table.unpack(x)))
  end
  for i = 1, on.cpu.n do
    local want, got = on.cpu[i]:to("f32"), on.cuda[i]:to("cpu"):to("f32")
    local scale = want:abs():max():item()
    local off = (want - got):abs():max():item()
    if off ~= off or off > tol * scale then
      print(("%s: result %d is off by %g, scale %g"):format(what, i, off, scale))
      os.exit(1)
    end
  end
end

-- Value and gradients of a convolution, summed with weights of its own.
local function trained(name, opts)
  return function(x, w, b)
    for _, v in ipairs { x, w, b } do v:requires_grad_(true) end
    local y = x[name](x, w, b, opts)
    local weighted = y * random(y.shape, 77):to(x.device)
    weighted:sum():backward()
    return y:detach(), x.grad, w.grad, b.grad
  end
end

-- 33 792 rows of 432 gathered numbers: two chunks forwards, for dx and for dw.
local function chunks()
  same("several chunks", { random({ 1, 32, 32, 33, 16 }, 1), random({ 16, 16, 3, 3, 3 }, 2),
    random({ 16 }, 3) }, 1e-5, trained("conv3d", { pad = 1 }))
  same("several chunks of tiles", { random({ 1, 16, 32, 33, 4 }, 4), random({ 4, 64, 2, 2, 2 }, 5),
    random({ 64 }, 6) }, 1e-5, function(x, w, b) return x:conv_transpose3d(w, b, { stride = 2 }) end)
end

local function patches()
  same("patches of an image", { random({ 2, 32, 48, 3 }, 1), random({ 20, 3, 16, 16 }, 2),
    random({ 20 }, 3) }, 1e-5, trained("conv2d", { stride = 16 }))
  same("patches of a volume", { random({ 1, 8, 8, 16, 1 }, 4), random({ 12, 1, 8, 8, 8 }, 5),
    random({ 12 }, 6) }, 1e-5, trained("conv3d", { stride = 8 }))
end

-- A slice of the first axis is contiguous and begins anywhere.
local function rows(x, first, last) return x:slice(1, first, last) end

local function addresses()
  for _, dtype in ipairs { "f32", "f16", "bf16" } do
    local tol = ({ f32 = 1e-5, f16 = 4e-3, bf16 = 2e-2 })[dtype]
    local function some(shape, key) return random(shape, key):to(dtype) end
    same("linear of a slice, " .. dtype, { some({ 3, 5, 7 }, 1), some({ 9, 7 }, 2) }, tol, function(x, w)
      return rows(x, 2, 3):linear(w), rows(x, 3, 3):linear(rows(w, 2, 8))
    end)
    same("matmul of slices, " .. dtype, { some({ 3, 5, 7 }, 3), some({ 3, 7, 3 }, 4) }, tol, function(a, b)
      return rows(a, 2, 3):matmul(rows(b, 1, 2))
    end)
    same("conv2d of a slice, " .. dtype, { some({ 3, 5, 5, 3 }, 5), some({ 5, 3, 3, 3 }, 6) }, tol,
      function(x, w) return rows(x, 2, 3):conv2d(rows(w, 2, 4), nil, { pad = 1 }) end)
  end
end

-- Activations in 16 bits, parameters in f32, as in mixed training.
local function mixed()
  for _, dtype in ipairs { "f16", "bf16" } do
    local tol = dtype == "f16" and 4e-3 or 2e-2
    same("linear " .. dtype, { random({ 6, 8 }, 1):to(dtype), random({ 4, 8 }, 2), random({ 4 }, 3),
      random({ 6, 4 }, 4):to(dtype) }, tol, function(x, w, b, r)
      return x:linear(w, b), x:linear(w, b, r), x:linear(w, b, r, { act = "gelu" }), x:linear(w, nil, r)
    end)
    -- rows of whole runs, and operands whose addresses are not those of runs
    same("wide linear " .. dtype, { random({ 7, 8 }, 1):to(dtype), random({ 24, 8 }, 2),
      random({ 25 }, 3), random({ 8, 24 }, 4):to(dtype), random({ 7, 26 }, 5):to(dtype) }, tol,
      function(x, w, b, r, s)
        local whole, odd = rows(b, 1, 24), rows(b, 2, 25)
        local shifted = s:reshape({ 182 }):slice(1, 2, 169):reshape { 7, 24 }
        return x:linear(w, whole, rows(r, 1, 7), { act = "gelu" }),
          x:linear(w, odd, rows(r, 1, 7), { act = "relu" }),
          x:linear(w, whole, shifted, { act = "silu" }), x:linear(w, whole, shifted)
      end)
    same("conv2d " .. dtype, { random({ 2, 6, 6, 4 }, 5):to(dtype), random({ 8, 4, 3, 3 }, 6),
      random({ 8 }, 7) }, tol, trained("conv2d", { pad = 1 }))
    same("conv_transpose2d " .. dtype, { random({ 2, 3, 3, 4 }, 8):to(dtype), random({ 4, 6, 2, 2 }, 9),
      random({ 6 }, 10) }, tol, trained("conv_transpose2d", { stride = 2 }))
  end
end

-- The packed copy of a frozen weight follows the weight.
local function frozen()
  local x = ss.ones({ 1, 4, 4, 4 }, { device = "cuda" })
  local w = ss.ones({ 2, 4, 3, 3 }, { device = "cuda" }):freeze_()
  local function middle(v)
    return v:conv2d(w, nil, { pad = 1 }):to("cpu"):to("f32"):flat()[(4 + 1) * 2 + 1]
  end
  local got = { middle(x), middle(x), middle(x:to("f16")) }
  w:fill_(2)
  got[4], got[5] = middle(x), middle(x:to("f16"))
  local want = { 36, 36, 36, 72, 72 }
  for i = 1, 5 do
    if got[i] ~= want[i] then
      print(("frozen weight, turn %d: %g instead of %g"):format(i, got[i], want[i]))
      os.exit(1)
    end
  end
end

-- So does the copy of a frozen bias in the type of the product.
local function frozen_bias()
  local x = ss.ones({ 2, 8 }, { device = "cuda" }):to "bf16"
  local w = ss.ones({ 8, 8 }, { device = "cuda" }):freeze_()
  local b, got = ss.ones({ 8 }, { device = "cuda" }):freeze_(), {}
  for i = 1, 4 do
    if i == 3 then b:fill_(5) end
    got[i] = x:linear(w, b):to("f32"):flat()[16]
  end
  for i, want in ipairs { 9, 9, 13, 13 } do
    if got[i] ~= want then
      print(("frozen bias, turn %d: %g instead of %g"):format(i, got[i], want))
      os.exit(1)
    end
  end
end

-- Most bytes in use at a time, on a device that computes and on one that counts.
local function peaks()
  local most = {}
  for i, device in ipairs { "cuda", "meta:cuda" } do
    ss.scoped(function()
      local x = ss.zeros({ 2, 12, 12, 12, 8 }, { device = device })
      local w = ss.zeros({ 16, 8, 3, 3, 3 }, { device = device }):freeze_()
      local v = ss.zeros({ 24, 16 }, { device = device })
      local b = ss.zeros({ 24 }, { device = device }):freeze_()
      local before = ss.memory(device).used
      ss.reset_peak(device)
      ss.scoped(function()
        local y = x:to("f16"):conv3d(w, nil, { pad = 1 })
        return y:linear(v, b):conv3d(ss.zeros({ 24, 1, 3, 3, 3 }, { device = device }), nil, { groups = 24 })
      end)
      most[i] = ss.memory(device).peak - before
    end)
  end
  if most[1] ~= most[2] then print(("peak: cuda %d, meta:cuda %d"):format(most[1], most[2])) os.exit(1) end
  return most[1]
end

for _, fn in ipairs { chunks, patches, addresses, mixed, frozen, frozen_bias } do ss.scoped(fn) end
print(("as expected, peak %d"):format(peaks()))
