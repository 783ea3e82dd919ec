-- NIfTI from Lua: files of other programs, orientation, writing like an image, refusals.
local t = require "tests.lib.t"
local ss = require "semisam"

local root = "../shared/data/"
local function folder(name)
  if not ss.fs.is_dir(root .. name) then t.skip(root .. name .. " is not here") end
  return root .. name .. "/"
end

-- Files of nifti_interop that must be refused, with words of the reason; all others must be read.
local refused = {
  ["nibabel_analyze.hdr"] = "an ANALYZE header",
  ["nibabel_nifti1.hdr"] = "other file of the pair is missing",
  ["nibabel_nifti2.hdr"] = "other file of the pair is missing",
  ["niftijs_not%-nifti.nii"] = "not NIfTI: sizeof_hdr is",
  ["niftirs_complex_"] = "complex numbers%) is not supported",
  ["niftirs_fuzz_"] = "not NIfTI: sizeof_hdr is",
  ["niftirs_rgb_"] = "RGB colours%) is not supported",
  ["niftirs_rgba_"] = "RGBA colours%) is not supported",
}

t.test("files of other programs are read or refused with a reason", function()
  local dir = folder "nifti_interop"
  local read, no = 0, 0
  for _, name in ipairs(ss.fs.list(dir)) do
    local why
    for pattern, words in pairs(refused) do
      if name:find(pattern) then why = words end
    end
    if why then
      no = no + 1
      t.raises(function() ss.nifti_read(dir .. name) end, why, name)
    else
      read = read + 1
      local _s <close> = ss.scope()
      local img = ss.nifti_read(dir .. name)
      t.eq(img.data.shape, img.shape, name)
      t.eq(img.data.dtype, "f32", name)
      t.eq(ss.nifti_head(dir .. name).affine, img.affine, name)
    end
  end
  t.ok(read >= 25 and no >= 9, ("%d read, %d refused"):format(read, no))
end)

t.test("ten stored types of one volume give the same voxels", function()
  local dir = folder "nifti_interop"
  local first
  for _, kind in ipairs { "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float32", "float64" } do
    local _s <close> = ss.scope()
    local img = ss.nifti_read(dir .. "niftirs_27_" .. kind .. ".nii")
    first = first or ss.hash(img.data)
    t.eq(ss.hash(img.data), first, kind)
    t.eq(img.data:flat()[27], 26, kind)
    local label = ss.nifti_read(dir .. "niftirs_27_" .. kind .. ".nii", { as = "label" })
    t.eq(label.data.dtype, "u8", kind)
    t.eq(label.data:flat()[27], 26, kind)
  end
end)

t.test("big endian, gzip, pairs and NIfTI-2", function()
  local dir = folder "nifti_interop"
  local _s <close> = ss.scope()
  t.eq(ss.hash(ss.nifti_read(dir .. "niftijs_big.nii.gz").data),
    ss.hash(ss.nifti_read(dir .. "niftijs_little.nii.gz").data))
  local one = ss.hash(ss.nifti_read(dir .. "niftirs_minimal.nii").data)
  for _, name in ipairs { ".nii.gz", ".hdr", ".hdr.gz", ".img.gz" } do
    t.eq(ss.hash(ss.nifti_read(dir .. "niftirs_minimal" .. name).data), one, name)
  end
  local two = ss.nifti_read(dir .. "nibabel_example_nifti2.nii.gz")
  t.eq(two.version, 2)
  t.eq(two.shape, { 2, 12, 20, 32 })
  t.near(two.spacing, { 2, 2, 2.2 }, 1e-5)
  local last = ss.nifti_read(dir .. "nibabel_example_nifti2.nii.gz", { volume = 2 })
  t.eq(last.data:flat()[1], two.data:flat()[12 * 20 * 32 + 1])
  -- scl_slope 0.0754..., scl_inter 3100.76...: the sum over the first slice of the stored numbers.
  local f = ss.nifti_head(dir .. "nibabel_functional.nii")
  t.near({ f.slope, f.inter }, { 0.0754069686, 3100.76171875 }, 1e-9)
end)

-- Inverse of an affine without shear of its last row.
local function inverse(a)
  local function m(i, j) return a[i][j] end
  local det = m(1, 1) * (m(2, 2) * m(3, 3) - m(2, 3) * m(3, 2))
    - m(1, 2) * (m(2, 1) * m(3, 3) - m(2, 3) * m(3, 1))
    + m(1, 3) * (m(2, 1) * m(3, 2) - m(2, 2) * m(3, 1))
  local inv = {}
  for i = 1, 3 do
    inv[i] = {}
    for j = 1, 3 do
      local r1, r2, c1, c2 = j % 3 + 1, (j + 1) % 3 + 1, i % 3 + 1, (i + 1) % 3 + 1
      inv[i][j] = (m(r1, c1) * m(r2, c2) - m(r1, c2) * m(r2, c1)) / det
    end
  end
  return function(p)
    local q = {}
    for i = 1, 3 do
      q[i] = 0
      for j = 1, 3 do q[i] = q[i] + inv[i][j] * (p[j] - a[j][4]) end
    end
    return q
  end
end

t.test("one image in four axis orders: equal at equal millimetres", function()
  local dir = folder "nifti_orient48"
  local _s <close> = ss.scope()
  local ras = ss.nifti_read(dir .. "RAS.nii.gz")
  local v, s = ras.data:flat(), ras.shape
  for _, name in ipairs { "LPS", "PIL", "SAR" } do
    local img = ss.nifti_read(dir .. name .. ".nii.gz")
    t.eq(img.axes, name)
    local w, to = img.data:flat(), inverse(img.affine)
    for n = 1, #v, 997 do
      local i = n - 1
      local p = { i % s[3], i // s[3] % s[2], i // (s[3] * s[2]) }
      local mm = {}
      for r = 1, 3 do
        mm[r] = ras.affine[r][4]
        for c = 1, 3 do mm[r] = mm[r] + ras.affine[r][c] * p[c] end
      end
      local q = to(mm)
      local k = {}
      for r = 1, 3 do
        k[r] = math.floor(q[r] + 0.5)
        t.near(q[r], k[r], 2e-3, name)
      end
      t.eq(w[(k[3] * img.shape[2] + k[2]) * img.shape[3] + k[1] + 1], v[n], name)
    end
  end
end)

t.test("real images: sheared, label map, labels of many ids", function()
  local dir = folder "niivue"
  local _s <close> = ss.scope()
  local sheared = ss.nifti_head(dir .. "shear.nii.gz")
  t.match(sheared.warnings[1], "sform and qform differ")
  local map = ss.nifti_read(dir .. "inia19-NeuroMaps.nii.gz", { as = "label" })
  t.eq(map.data.dtype, "i32")
  t.eq(map.dtype, "i16")
end)

local affine = { { 0, -1, 0, 10 }, { 0.5, 0, 0, -20 }, { 0, 0, 2, 3.25 }, { 0, 0, 0, 1 } }

t.test("a written mask has the geometry of its image", function()
  local _s <close> = ss.scope()
  local dir = t.tmpdir()
  local x = ss.tensor({ { { 1, 2, 3 }, { 4, 5, 6 } } })
  ss.nifti_write(dir .. "/a.nii.gz", x, { affine = affine })
  local img = ss.nifti_read(dir .. "/a.nii.gz")
  t.eq(img.affine, affine)
  t.eq(img.spacing, { 0.5, 1, 2 })
  t.eq(img.data:flat(), { 1, 2, 3, 4, 5, 6 })
  t.eq({ img.axes, img.dtype, img.qform_code }, { "ALS", "f32", 1 })
  local mask = x:gt(3)
  ss.nifti_write(dir .. "/m.nii", mask, { like = img })
  local m = ss.nifti_read(dir .. "/m.nii", { as = "label" })
  t.eq(m.header, img.header)
  t.eq(m.data:flat(), { 0, 0, 0, 1, 1, 1 })
  ss.nifti_write(dir .. "/h.nii", mask, { like = img.header, dtype = "i16" })
  t.eq(ss.nifti_head(dir .. "/h.nii").dtype, "i16")
  t.raises(function() ss.nifti_write(dir .. "/b.nii", ss.zeros { 1, 3, 3 }, { like = img }) end,
    "nifti_write: .*b.nii: the volume is 1 x 3 x 3 %(z y x%); the image .* is 1 x 2 x 3")
  t.raises(function() ss.nifti_write(dir .. "/b.nii", x, {}) end, "either like .* or affine")
  t.raises(function() ss.nifti_write(dir .. "/b.nii", x, { like = "x" }) end, "like: expected")
  t.raises(function() ss.nifti_write(dir .. "/b.nii", x, { affine = { { 1 } } }) end, "row 1, column 2")
  t.raises(function() ss.nifti_write(dir .. "/b.nii", x, { afine = affine }) end,
    "unknown option 'afine'; known: like, affine, dtype")
  t.ok(not ss.fs.exists(dir .. "/b.nii"))
  t.eq(#ss.fs.list(dir), 3)
end)

t.test("permuted tensors are written in their own order", function()
  local _s <close> = ss.scope()
  local dir = t.tmpdir()
  local x = ss.tensor({ { { 1, 2, 3 }, { 4, 5, 6 } } }):permute { 3, 2, 1 }
  ss.nifti_write(dir .. "/a.nii", x, { affine = affine })
  local img = ss.nifti_read(dir .. "/a.nii")
  t.eq(img.shape, { 3, 2, 1 })
  t.eq(img.data:flat(), { 1, 4, 2, 5, 3, 6 })
end)

t.test("options are checked", function()
  t.raises(function() ss.nifti_read("x.nii", { as = "mask" }) end, "one of image, label is expected")
  t.raises(function() ss.nifti_read("x.nii", { volume = 0 }) end, "volume: a whole number from 1")
  t.raises(function() ss.nifti_read("x.nii", { kind = 1 }) end, "unknown option 'kind'")
  t.raises(function() ss.nifti_read("none.nii") end, "nifti_read: none.nii: cannot be opened")
end)

t.done()
