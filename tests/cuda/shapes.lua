-- Prints every convolution of the recipes and of the networks they can name, one a line, for
-- tests/cuda/test_plans.c: axes n in out groups, then for d h w: size of x, kernel, size of y,
-- stride, pad, dilation; where it was seen first.
--
--   semisam tests/cuda/shapes.lua > FILE
--
-- Nothing is computed: the networks run forwards on meta:cuda while the operations are watched.
-- Their gradients are convolutions of the same geometry.
local ss = require "semisam"
local cases = require "semisam.bench.cases"
local Critic = require "semisam.models.critic3d"
local networks = require "semisam.train.networks"

-- Volumes the students are trained on and predict: the phantoms of the recipes, and patches of
-- published work. All networks take sides that 16 divides.
local SIZES = { { 96, 96, 96 }, { 112, 112, 80 }, { 128, 128, 128 } }
local STUDENTS = { { "unet3d" }, { "unet3d", base = 16 }, { "unet3d", base = 32 }, { "vnet" }, { "meshnet" } }

local seen, place = {}, "" -- what is running

local function along(v, axes, absent)
  local t = { absent, absent, absent }
  for i = 1, axes do t[3 - axes + i] = type(v) == "table" and v[i] or v end
  return t
end

local function sizes(t, from, axes)
  return along({ table.unpack(t.shape, from, from + axes - 1) }, axes, 1)
end

local function note(axes, x, w, y, o)
  local step, pad = along(o.stride or 1, axes, 1), along(o.pad or 0, axes, 0)
  local dilation, groups = along(o.dilation or 1, axes, 1), o.groups or 1
  local line = { axes, x.shape[1], x.shape[axes + 2], y.shape[axes + 2], groups }
  for _, list in ipairs { sizes(x, 2, axes), sizes(w, 3, axes), sizes(y, 2, axes), step, pad, dilation } do
    table.move(list, 1, 3, #line + 1, line)
  end
  local key = table.concat(line, " ")
  if seen[key] then return end
  seen[key] = true
  print(key .. " " .. place)
end

-- A transposed convolution is the gradient of one whose x is its result.
local function watch(name, axes, transposed)
  local op = ss._methods[name]
  ss._methods[name] = function(x, w, b, o)
    local y = op(x, w, b, o)
    note(axes, transposed and y or x, w, transposed and x or y, o or {})
    return y
  end
end

watch("conv2d", 2)
watch("conv3d", 3)
watch("conv_transpose2d", 2, true)
watch("conv_transpose3d", 3, true)

local function run(what, fn)
  place = what:gsub("%s", "_")
  ss.on("meta:cuda", function() ss.scoped(fn) end)
end

-- ---- recipes: the student on batches and alone, the generalist, the critic ------------------

local function student(what, spec, batches, list)
  for _, size in ipairs(list) do
    for _, n in ipairs(batches) do
      run(what, function()
        ss.models.new(networks.options(spec)):eval()(ss.zeros { n, size[1], size[2], size[3], 1 })
      end)
    end
  end
end

local function batches_of(cfg)
  local l, u = cfg.batch.labelled, cfg.batch.unlabelled
  return { l, u, l + u, 1 }
end

-- Generalists that run at full size below, and the case of bench/cases.lua that does it.
local CASES = { tiny_sam_med3d = "tiny_encode", sam_med3d = "sam_med3d_encode", medsam2 = "medsam2_encode" }

local function recipe(name)
  local cfg = require("recipes." .. name)
  if name == "pretrain_generalist" then
    run(name, function()
      ss.models.new(cfg.net).net(ss.zeros { cfg.batch, 32, 32, 32, 3 })
    end)
  end
  if not cfg.student then return end
  local size = cfg.data.phantoms.size
  student(name, cfg.student, batches_of(cfg), { size })
  for _, g in ipairs(cfg.generalists) do
    assert(g[1] == "prompt_unet" or CASES[g[1]], name .. ": a generalist this test does not know: " .. g[1])
    for _, n in ipairs(g[1] == "prompt_unet" and batches_of(cfg) or {}) do
      run(name, function()
        ss.models.new { "prompt_unet", base = g.base }.net(
          ss.zeros { n, size[1], size[2], size[3], 3 })
      end)
    end
  end
  if cfg.method[1] == "dan" then
    run(name, function()
      Critic { classes = 2, filters = cfg.method.filters, in_channels = 1 }:eval()(
        ss.zeros { 2, size[1], size[2], size[3], 2 }, ss.zeros { 2, size[1], size[2], size[3], 1 })
    end)
  end
end

local names = {}
for _, file in ipairs(ss.fs.list "recipes") do
  local name = file:match "([^/]+)%.lua$"
  if name and name ~= "study" then names[#names + 1] = name end
end
table.sort(names)
assert(#names > 15, "the folder recipes/ was not found here")
for _, name in ipairs(names) do recipe(name) end

-- ---- networks ---------------------------------------------------------------------------------

for _, spec in ipairs(STUDENTS) do
  local what = spec[1] .. (spec.base and ".base=" .. spec.base or "")
  student(what, spec, { 1, 2 }, spec[1] == "meshnet" and { { 128, 128, 128 } } or SIZES)
end
local there = {}
for _, case in ipairs(cases) do
  there[case.name] = true
  -- propagation through slices runs the networks of medsam2_track once a slice
  if case.name ~= "medsam2_propagate" then
    run(case.name, function() case.make("f16", false)() end)
  end
end
for _, case in pairs(CASES) do assert(there[case], "there is no case " .. case) end
