-- Phantoms: repeatable, labelled, and with the statistics of ultrasound.
local ss = require "semisam"
local t = require "tests.lib.t"

-- A volume of speckle alone, displayed from -60 to 60 dB. The object is there but has no contrast.
local function speckle(options)
  local o = {
    seed = 5, size = 100, contrast = 0, texture = 0, distractors = 0, shadows = 0, attenuation = 0, tgc = 0,
    reverberation = 0, floor = -200, dynamic = 120, level = 60, axial = 0.2, lateral = 0.2, widening = 0,
  }
  for k, v in pairs(options or {}) do o[k] = v end
  return ss.phantom(o).image
end

local function decibels(image)
  local db = image:flat()
  for i = 1, #db do db[i] = (db[i] - 1) * 120 + 60 end
  return db
end

local function moments(v)
  local sum, square = 0, 0
  for _, x in ipairs(v) do sum = sum + x end
  local mean = sum / #v
  for _, x in ipairs(v) do square = square + (x - mean) ^ 2 end
  return mean, math.sqrt(square / #v)
end

t.test("speckle is fully developed", function()
  local db, amplitude = decibels(speckle()), {}
  for i, x in ipairs(db) do amplitude[i] = 10 ^ (x / 20) end
  local mean, std = moments(amplitude)
  t.near(mean / std, 1.913, 0.01)
  local _, log_std = moments(db)
  t.near(log_std, 5.57, 0.05)
  t.near(mean, math.sqrt(math.pi) / 2, 0.005, "power 1: 0 dB is the background")
end)

-- The field's correlation at lag k is exp(-k^2 / 4 sigma^2); that of its power is the square.
local function sigma_of(power, n, stride, lag)
  local mean, std = moments(power)
  local sum, count = 0, 0
  for z = 10, n - 11 do
    for y = 10, n - 11 do
      for x = 10, n - 11 do
        local i = (z * n + y) * n + x + 1
        sum = sum + (power[i] - mean) * (power[i + lag * stride] - mean)
        count = count + 1
      end
    end
  end
  return lag / math.sqrt(-2 * math.log(sum / count / std ^ 2))
end

t.test("the point spread has the widths asked for", function()
  local n = 96
  local power = decibels(speckle { size = n, axial = 0.7, lateral = 1.2 })
  for i = 1, #power do power[i] = 10 ^ (power[i] / 10) end
  t.near(sigma_of(power, n, n, 1), 0.7, 0.7 * 0.05, "axial, y")
  t.near(sigma_of(power, n, 1, 2), 1.2, 1.2 * 0.05, "lateral, x")
  t.near(sigma_of(power, n, n * n, 2), 1.2, 1.2 * 0.05, "elevational, z")
end)

-- Slope of the mean dB against depth, over the whole depth.
local function slope(image)
  local n = image.shape[2]
  local db, row = decibels(image), {}
  for y = 0, n - 1 do row[y] = 0 end
  for i, x in ipairs(db) do
    local y = (i - 1) // n % n
    row[y] = row[y] + x / (n * n)
  end
  local sx, sy, sxx, sxy = 0, 0, 0, 0
  for y = 0, n - 1 do
    local depth = y / (n - 1)
    sx, sy, sxx, sxy = sx + depth, sy + row[y], sxx + depth * depth, sxy + depth * row[y]
  end
  return (n * sxy - sx * sy) / (n * sxx - sx * sx)
end

t.test("attenuation falls by what was asked", function()
  for _, want in ipairs { 0, 4, 8 } do t.near(slope(speckle { attenuation = want }), -want, 0.2) end
  t.near(slope(speckle { attenuation = 3, tgc = 5 }), 2, 0.2)
end)

t.test("a phantom depends on seed and index alone", function()
  local a, b = ss.phantom { seed = 3, index = 4 }, ss.phantom { seed = 3, index = 4 }
  t.eq(a.image:bytes_string(), b.image:bytes_string())
  t.eq(a.objects:bytes_string(), b.objects:bytes_string())
  t.eq(a.params, b.params)
  t.ne(ss.phantom({ seed = 3, index = 5 }).image:bytes_string(), a.image:bytes_string())
  t.ne(ss.phantom({ seed = 4, index = 4 }).image:bytes_string(), a.image:bytes_string())
end)

t.test("image, label and objects belong together", function()
  local used = {}
  for index = 1, 20 do
    local family = index % 2 == 0 and "target" or "any"
    local p = ss.phantom { seed = 1, index = index, size = { 24, 28, 32 }, family = family }
    t.eq(p.image.shape, { 24, 28, 32 })
    t.eq({ p.image.dtype, p.label.dtype, p.objects.dtype }, { "f32", "u8", "u8" })
    local image, label, objects, count = p.image:flat(), p.label:flat(), p.objects:flat(), {}
    for i = 1, #image do
      t.ok(image[i] >= 0 and image[i] <= 1)
      t.eq(label[i], objects[i] == 1 and 1 or 0)
      count[objects[i]] = (count[objects[i]] or 0) + 1
    end
    for k, o in ipairs(p.params.objects) do
      t.eq(count[k] or 0, o.voxels)
      t.ok(k == 1 or o.family ~= "target", "the target is no distractor")
    end
    local first = p.params.objects[1]
    t.ok(family == "any" or first.family == "target")
    t.ok(family == "target" or first.family ~= "target")
    t.ok(first.voxels > 0.005 * #image and first.voxels < 0.1 * #image)
    used[first.family] = true
  end
  local n = 0
  for _ in pairs(used) do n = n + 1 end
  t.ok(n >= 5, "several families")
end)

-- Mean of the image inside the label minus mean outside all objects.
local function contrast(p)
  local image, objects = p.image:flat(), p.objects:flat()
  local sum, count = { 0, 0 }, { 0, 0 }
  for i = 1, #image do
    local k = objects[i] == 1 and 1 or objects[i] == 0 and 2
    if k then sum[k], count[k] = sum[k] + image[i], count[k] + 1 end
  end
  return sum[1] / count[1] - sum[2] / count[2]
end

t.test("polarity is what was asked", function()
  local bright = 0
  for index = 1, 12 do
    local plain = { seed = 2, index = index, shadows = 0, attenuation = 0, tgc = 0 }
    t.ok(contrast(ss.phantom(plain)) < -0.04, "dark by default")
    plain.polarity = "bright"
    t.ok(contrast(ss.phantom(plain)) > 0.04, "bright")
    plain.polarity = "mixed"
    if ss.phantom(plain).params.objects[1].contrast > 0 then bright = bright + 1 end
  end
  t.ok(bright > 0 and bright < 9, "a quarter is bright")
end)

t.test("shadows darken what lies behind them", function()
  local o = { shadows = 1, loss = 0.8 }
  local dark, lit = speckle(o), speckle()
  local s = ss.phantom({ seed = 5, size = 100, shadows = 1, loss = 0.8 }).params.shadows[1]
  local z, x = math.floor(s.z + 0.5) + 1, math.floor(s.x + 0.5) + 1
  local a, b = dark:totable()[z], lit:totable()[z]
  for y = 1, 100 do
    local loss = (a[y][x] - b[y][x]) * 120
    if y - 1 <= s.onset then t.near(loss, 0, 1e-3) end
    if y - 1 > s.onset + 2 then t.near(loss, 20 * math.log(0.2, 10), 0.6) end
  end
end)

t.test("a fan hides what lies outside it", function()
  local p = ss.phantom { seed = 8, index = 1, fan = 1, size = 32 }
  local image, objects = p.image:totable(), p.objects:totable()
  for _, x in ipairs { 1, 32 } do
    t.eq(image[16][1][x], 0)
    t.eq(objects[16][1][x], 0)
  end
  t.ok(image[16][16][16] > 0)
end)

t.test("bad settings are refused by name", function()
  t.raises(function() ss.phantom { sise = 32 } end, "unknown option 'sise'")
  t.raises(function() ss.phantom { size = 4 } end, "size must be 8 to 512 voxels, got 4")
  t.raises(function() ss.phantom { size = { 32, 32 } } end, "size should be a number or {z, y, x}")
  t.raises(function() ss.phantom { family = "teapot" } end, "family should be .*teapot")
  t.raises(function() ss.phantom { polarity = "grey" } end, "polarity should be .*grey")
  t.raises(function() ss.phantom { contrast = { 9, 5 } } end, "contrast must be a range within .*9 to 5")
  t.raises(function() ss.phantom { loss = 2 } end, "loss must be a range within %[0, 1%]")
  t.raises(function() ss.phantom { dark = 0 / 0 } end, "dark must be in %[0, 1%]")
  t.raises(function() ss.phantom { seed = 1.5 } end, "seed should be a whole number")
end)

t.done()
