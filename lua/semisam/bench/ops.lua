-- Rates of operations beside bare oneDNN calls and beside copies, measured in turns.
local ss = require "semisam"

local bench = {}

local key = 0
local function random(shape, dtype)
  key = key + 1
  return ss.normal(shape, { key = key }):to(dtype)
end

local function release(...)
  for i = 1, select("#", ...) do
    local t = select(i, ...)
    if ss.is_tensor(t) then t:release() end
  end
end

-- Seconds of one call of fn, the release of its results not counted.
local function time(fn)
  local t0 = ss.clock()
  local a, b = fn()
  local t = ss.clock() - t0
  release(a, b)
  return t
end

local function median(list)
  table.sort(list)
  local n = #list
  return n % 2 == 1 and list[n // 2 + 1] or (list[n // 2] + list[n // 2 + 1]) / 2
end

-- A line: name, dtype, fn (the operation), bare = {what, size, type} and flops or bytes.
local function measure(line, turns)
  time(line.fn)
  local own, bare, ratio = {}, {}, {}
  for i = 1, turns do
    time(line.fn)
    own[i] = time(line.fn)
    bare[i] = ss._ops._bare(table.unpack(line.bare)):item()
    ratio[i] = bare[i] / own[i]
  end
  return median(own), median(bare), median(ratio)
end

-- ---- products --------------------------------------------------------------

local function linear_lines(add, dtype, rows, k, n)
  local name = ("linear %d->%d"):format(k, n)
  local flops = 2.0 * rows * k * n
  local function with(f)
    return function()
      local x, w, b = random({ rows, k }, dtype), random({ n, k }, "f32"), random({ n }, "f32")
      return f(x, w, b, random({ rows, n }, dtype))
    end
  end
  add { name = name, dtype = dtype, flops = flops,
    bare = { "matmul", { rows, k, n, 0, 0, 0 }, dtype },
    make = with(function(x, w, b) return function() return ss.linear(x, w, b) end end) }
  add { name = name .. " frozen", dtype = dtype, flops = flops,
    bare = { "matmul", { rows, k, n, 0, 0, 0 }, dtype },
    make = with(function(x, w, b)
      w = w:to(dtype):freeze_()
      return function() return ss.linear(x, w, b) end
    end) }
  add { name = name .. " gelu", dtype = dtype, flops = flops,
    bare = { "matmul", { rows, k, n, 0, 1, 0 }, dtype },
    make = with(function(x, w, b)
      return function() return ss.linear(x, w, b, { act = "gelu" }) end
    end) }
  add { name = name .. " dx", dtype = dtype, flops = flops,
    bare = { "matmul", { rows, n, k, 0, 0, 0 }, dtype },
    make = with(function(_, w, _, dy) return function() return ss._ops._linear_dx(dy, w) end end) }
  add { name = name .. " dw", dtype = dtype, flops = flops,
    bare = { "matmul", { n, rows, k, 1, 0, 1 }, dtype },
    make = with(function(x, _, _, dy)
      return function() return ss._ops._linear_dw(x, dy, { bias = true }) end
    end) }
end

local function conv_lines(add, dtype, d, h, w, cin, cout)
  local name = ("conv3d %dx%dx%d %d->%d"):format(d, h, w, cin, cout)
  local flops, size = 2.0 * d * h * w * cin * cout * 27, { 1, d, h, w, cin, cout, 3 }
  local shape = { 1, d, h, w }
  local function tensor(c) return random({ 1, d, h, w, c }, dtype) end
  local function weight() return random({ cout, cin, 3, 3, 3 }, "f32") end
  add { name = name, dtype = dtype, flops = flops, bare = { "conv", size, dtype },
    make = function()
      local x, k, b = tensor(cin), weight(), random({ cout }, "f32")
      return function() return ss.conv3d(x, k, b, { pad = 1 }) end
    end }
  add { name = name .. " dx", dtype = dtype, flops = flops, bare = { "conv_dx", size, dtype },
    make = function()
      local dy, k = tensor(cout), weight()
      local sizes = { table.unpack(shape, 2) }
      return function() return ss._ops._conv3d_dx(dy, k, { size = sizes, pad = 1 }) end
    end }
  add { name = name .. " dw", dtype = dtype, flops = flops, bare = { "conv_dw", size, dtype },
    make = function()
      local x, dy = tensor(cin), tensor(cout)
      return function() return ss._ops._conv3d_dw(x, dy, { kernel = 3, pad = 1, bias = true }) end
    end }
end

-- Convolutions of an x with half of h and w, whose rows and columns count twice, against oneDNN's
-- of the large one (without making it). Rates are those of the large one's products.
local function upsampled_lines(add, d, h, w, cin, cout)
  local name = ("conv3d upsample %dx%dx%d %d->%d"):format(d, h, w, cin, cout)
  local flops, size = 2.0 * d * h * w * cin * cout * 27, { 1, d, h, w, cin, cout, 3 }
  local function line(suffix, bare, make)
    add { name = name .. suffix, dtype = "f32", flops = flops, bare = { bare, size, "f32" },
      make = make }
  end
  local function x() return random({ 1, d, h // 2, w // 2, cin }, "f32") end
  local function dy() return random({ 1, d, h, w, cout }, "f32") end
  line("", "conv", function()
    local v, k, b = x(), random({ cout, cin, 3, 3, 3 }, "f32"), random({ cout }, "f32")
    return function() return ss._ops._twice_conv3d(v, k, b) end
  end)
  line(" dx", "conv_dx", function()
    local v, k = dy(), random({ cout, cin, 3, 3, 3 }, "f32")
    return function() return ss._ops._twice_conv3d_dx(v, k) end
  end)
  line(" dw", "conv_dw", function()
    local v, g = x(), dy()
    return function() return ss._ops._twice_conv3d_dw(v, g, { kernel = 3, bias = true }) end
  end)
end

-- ---- memory-bound operations -------------------------------------------------

-- `fn(x)` reads `reads` and writes `writes` bytes per byte of x: held against a copy that moves
-- as many in all.
local function memory_line(add, name, dtype, shape, traffic, make)
  local bytes = ss.dtype_bytes and ss.dtype_bytes(dtype) or (dtype == "f32" and 4 or 2)
  for _, n in ipairs(shape) do bytes = bytes * n end
  bytes = math.tointeger(bytes * traffic // 1)
  add { name = name, dtype = dtype, bytes = bytes, bare = { "copy", { bytes // 2 } },
    make = function() return make(random(shape, dtype)) end }
end

local function memory_lines(add, dtype, volume, tokens)
  local function op(name, shape, traffic, fn)
    if ss._ops[name:match "^[%w_]+"] then
      memory_line(add, name, dtype, shape, traffic, function(x)
        local c = shape[#shape]
        local w, b, other = random({ c }, "f32"), random({ c }, "f32"), random(shape, dtype)
        return function() return fn(x, w, b, other) end
      end)
    end
  end
  op("add", volume, 3, function(x, _, _, y) return ss.add(x, y) end)
  op("leaky_relu", volume, 2, function(x) return ss.leaky_relu(x) end)
  op("gelu", volume, 2, function(x) return ss.gelu(x) end)
  op("instance_norm", volume, 3, function(x) return ss.instance_norm(x) end) -- reads x twice
  op("layer_norm", tokens, 2, function(x, w, b) return ss.layer_norm(x, w, b) end)
  op("softmax", tokens, 2, function(x) return ss.softmax(x) end)
  local size = { volume[2], volume[3], volume[4] }
  volume = { volume[1], volume[2], volume[3] // 2, volume[4] // 2, volume[5] }
  op("resize nearest", volume, 5, function(x) return ss.resize(x, size, "nearest") end)
  op("resize linear", volume, 5, function(x) return ss.resize(x, size, "linear") end)
end

-- ---- all ---------------------------------------------------------------------

local function lines_of(quick)
  local list = {}
  local function add(line) list[#list + 1] = line end
  for _, dtype in ipairs { "f32", "bf16" } do
    if quick then
      linear_lines(add, dtype, 64, 48, 96)
      conv_lines(add, dtype, 6, 8, 8, 16, 8)
      if dtype == "f32" then upsampled_lines(add, 6, 16, 16, 16, 8) end
      memory_lines(add, dtype, { 1, 4, 8, 8, 16 }, { 64, 48 })
    else
      for _, s in ipairs { { 768, 2304 }, { 768, 3072 }, { 3072, 768 } } do
        linear_lines(add, dtype, 128 * 64, s[1], s[2])
      end
      for _, s in ipairs { { 8, 256, 128 }, { 16, 128, 64 }, { 32, 64, 32 }, { 64, 32, 16 },
        { 128, 16, 8 } } do
        conv_lines(add, dtype, 128, s[1], s[1], s[2], s[3])
        if dtype == "f32" and s[1] > 8 then upsampled_lines(add, 128, s[1], s[1], s[2], s[3]) end
      end
      memory_lines(add, dtype, { 1, 128, 128, 128, 16 }, { 4 * 128 * 64, 768 })
    end
  end
  return list
end

-- Two decimals, or two digits of what would be 0.00 otherwise.
local function written(ratio) return (ratio < 0.1 and "%.2g" or "%.2f"):format(ratio) end

---Measures and prints; returns how many lines fall short of what is wanted, and how many there
---were.
---@param o { quick: boolean, filter: string, turns: integer }
---@return integer low
---@return integer lines
function bench.run(o)
  local turns = o.turns > 0 and o.turns or o.quick and 3 or 9
  local low, count = 0, 0
  print(("threads %d, kernels %s, median of %d turns"):format(ss.threads(), ss.isa(), turns))
  print(("%-30s %-5s %10s %10s %8s"):format("operation", "type", "own", "bare", "ratio"))
  for _, line in ipairs(lines_of(o.quick)) do
    if (line.name .. " " .. line.dtype):find(o.filter, 1, true) then
      ss.scoped(function()
        line.fn = line.make()
        local own, bare, ratio = measure(line, turns)
        local amount, unit = line.flops or line.bytes, line.flops and "GF/s" or "GB/s"
        local wanted = o.quick and 0 or line.flops and 0.9 or 0.6 -- too small to judge
        if ratio < wanted then low = low + 1 end
        count = count + 1
        print(("%-30s %-5s %5.1f %s %5.1f %s %7s%s"):format(line.name, line.dtype,
          amount / own / 1e9, unit, amount / bare / 1e9, unit, written(ratio),
          ratio < wanted and ("  below %.1f"):format(wanted) or ""))
        io.stdout:flush()
      end)
      line.fn = nil
    end
  end
  return low, count
end

return bench
