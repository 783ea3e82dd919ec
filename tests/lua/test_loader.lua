-- ss.loader: same bits for any number of workers and as the ops called directly; order, errors, ends.
local t = require "tests.lib.t"
local ss = require "semisam"

local calls = {
  { "flip", { dims = { -2 } } }, { "flip", { dims = { -4, -3 } } },
  { "rot90", { dim1 = -4, dim2 = -2, k = 3 } }, { "slice", { dim = -3, start = 3, stop = 12 } },
  { "pad", { pads = { 0, 0, 1, 2, 3, 0 } } }, { "gamma", { gamma = 1.3 } },
  { "gain_offset", { gain = 1.1, offset = 0.05 } }, { "add_noise", { key = 11, std = 0.1 } },
  { "speckle", { key = 12, std = 0.2 } }, { "gaussian_blur", { sigma = 0.8 } },
  { "tgc_tilt", { slope = 0.2 } }, { "permute", { dims = { 3, 1, 2, 4 } } }, { "clamp", { lo = 0, hi = 1 } },
  { "sigmoid", {} }, { "cast", { dtype = "f16" } }, { "cast", { dtype = "f32" } },
}

local function job(i, image)
  local steps, state = {}, i * 7919
  for _ = 1, 1 + i % 6 do
    state = (state * 1103515245 + 12345) % 2147483648
    local c = calls[state // 65536 % #calls + 1]
    steps[#steps + 1] = { c[1], "image", c[2] }
  end
  return { input = { image = image }, steps = steps, output = { "image" } }
end

-- slice needs 12 voxels on its axis; shapes stay large enough for at most one.
local function direct(j)
  local x = j.input.image
  for _, s in ipairs(j.steps) do x = ss[s[1]](x, s[3]) end
  return x:copy()
end

t.test("0, 1, 2 and 4 workers give the bits of direct calls, in order", function()
  local image = ss.uniform({ 14, 15, 16, 1 }, 3)
  local jobs, want = {}, {}
  for i = 1, 60 do
    local j = job(i, image)
    local ok, x = pcall(ss.scoped, direct, j)
    if ok then -- a second slice of the same axis may not fit: such jobs fail in both ways
      jobs[#jobs + 1], want[#want + 1] = j, x:bytes_string()
      x:release()
    end
  end
  t.ok(#jobs > 40, "jobs: " .. #jobs)
  for _, workers in ipairs { 0, 1, 2, 4 } do
    local loader <close> = ss.loader { workers = workers }
    for _, j in ipairs(jobs) do loader:submit(j) end
    t.eq(loader:pending(), #jobs)
    for i = 1, #jobs do
      local r = loader:next()
      t.eq(r.image:bytes_string() == want[i], true, ("job %d with %d workers"):format(i, workers))
      r.image:release()
    end
    t.eq(loader:pending(), 0)
  end
end)

t.test("several inputs, constants, names, the cache", function()
  local cache <close> = ss.cache.open(t.tmpdir() .. "/c")
  local image, label = ss.uniform({ 8, 8, 8, 1 }, 1), ss.uniform({ 8, 8, 8, 1 }, 2):gt(0.5):to "u8"
  cache:put("case_1", { image = image, label = label })
  local turn = ss.tensor { { 0, 1, 0, 0 }, { 1, 0, 0, 0 }, { 0, 0, 1, 0.5 } }
  for _, workers in ipairs { 0, 2 } do
    local loader <close> = ss.loader { workers = workers, cache = cache }
    for _ = 1, 3 do
      ss.scoped(function()
        loader:submit {
          input = { image = { key = "case_1", part = "image" }, label = { key = "case_1", part = "label" },
            other = ss.full({ 8, 8, 8, 1 }, 2) },
          steps = {
            { "affine_sample", { "image", turn }, { size = { 8, 8, 8 } }, to = "moved" },
            { "mul", { "moved", "other" }, {}, to = "double" },
            { "cast", "label", { dtype = "f32" } },
          },
          output = { "moved", "double", "label", "image" },
        }
      end)
    end
    for _ = 1, 3 do
      local r = loader:next()
      local moved = ss.affine_sample(image, turn, { size = { 8, 8, 8 } })
      t.eq(r.moved:bytes_string(), moved:bytes_string())
      t.eq(r.double:flat()[100], 2 * moved:flat()[100])
      t.eq(r.label:sum():item(), label:to("f32"):sum():item())
      t.eq(r.image:bytes_string(), image:bytes_string())
    end
  end
end)

t.test("mistakes are named, at submission where they can be", function()
  local x = ss.zeros { 2, 2, 2, 1 }
  local loader <close> = ss.loader { workers = 1 }
  local function submit(steps, output)
    loader:submit { input = { x = x }, steps = steps, output = output or { "x" } }
  end
  t.raises(function() submit { { "flop", "x" } } end, "step 1: no op 'flop'")
  t.raises(function() submit { { "flip", "y", { dims = { 1 } } } } end, "reads 'y', which nothing made")
  t.raises(function() submit { { "flip", "x", { dim = 1 } } } end, "flip: unknown option 'dim'")
  t.raises(function() submit { { "flip", "x", { dims = "a" } } } end, "dims")
  t.raises(function() submit { { "mul", "x" } } end, "mul: 'b' is missing")
  t.raises(function() submit { { "fill_", "x", { value = 1 } } } end, "does not fit a job")
  t.raises(function() submit({}, { "z" }) end, "nothing made 'z'")
  t.raises(function() loader:submit { inputs = {} } end, "unknown option 'inputs'")
  t.raises(function() loader:next() end, "without a submitted job")
  submit { { "flip", "x", { dims = { 9 } } } }
  submit { { "flip", "x", { dims = { 1 } } }, { "reshape", "x", { shape = { 3 } } } }
  submit { { "flip", "x", { dims = { 1 } } } }
  t.raises(function() loader:next() end, "step 1: flip: 'dims' is missing or no axis of a tensor with 4")
  t.raises(function() loader:next() end, "step 2: reshape: .*f32%[2,2,2,1%]")
  t.eq(loader:next().x.count, 8)
  t.raises(function() ss.loader { workers = -1 } end, "expected 0 to 64")
  loader:submit { input = { x = { key = "k", part = "p" } }, output = { "x" } }
  t.raises(function() loader:next() end, "cache")
end)

t.test("closing with work in the queue, and cancelling", function()
  local x = ss.uniform({ 48, 48, 48, 1 }, 1)
  local function fill(loader)
    for _ = 1, 20 do
      loader:submit { input = { x = x }, output = { "x" },
        steps = { { "gaussian_blur", "x", { sigma = 2 } }, { "gaussian_blur", "x", { sigma = 2 } } } }
    end
  end
  for _, workers in ipairs { 0, 1, 3 } do
    local loader = ss.loader { workers = workers }
    fill(loader)
    if workers > 0 then loader:next().x:release() end
    local from = ss.clock()
    loader:close()
    loader:close()
    t.ok(ss.clock() - from < 5, "closing took " .. ss.clock() - from)
    t.raises(function() loader:next() end, "was closed")
  end
  local loader <close> = ss.loader { workers = 1 }
  fill(loader)
  ss.cancel()
  local ok, err = pcall(loader.next, loader)
  ss.cancel(false)
  t.eq(ok, false)
  t.match(err, "interrupted")
end)

t.test("a thousand jobs leave nothing behind", function()
  local x = ss.uniform({ 4, 4, 4, 1 }, 1)
  local loader <close> = ss.loader { workers = 2 }
  for _ = 1, 250 do
    ss.scoped(function()
      for _ = 1, 4 do
        loader:submit { input = { x = x:copy() }, steps = { { "neg", "x" } }, output = { "x" } }
      end
      for _ = 1, 4 do loader:next() end
    end)
  end
  t.ok(loader:waited() >= 0)
end)

t.done()
