-- bench/cases.lua — what `semisam bench models` measures. A case makes its network once, in an
-- element type, and gives the function that is timed. `quick` takes toy sizes: only that it runs.
local ss = require "semisam"
local filled = require "semisam.bench.filled"
local formula = require "semisam.formula"
local losses = require "semisam.losses"
local models = require "semisam.models"

local cases = {}

local function add(name, make) cases[#cases + 1] = { name = name, make = make } end

local function without_grad(fn)
  return function() ss.no_grad(fn) end
end

-- ---- the student -----------------------------------------------------------------------------

local function student_spec(quick)
  if quick then
    return { "slicing_sam3d", image_size = 32, embed_dim = 48, depth = 2, num_heads = 4,
      out_channels = 16, decoder_channels = { 8, 8, 4, 4 } }, { 1, 4, 32, 32, 1 }
  end
  return { "slicing_sam3d" }, { 1, 128, 128, 128, 1 }
end

-- The default precision of the student is a frozen encoder in bf16 and a decoder in f32.
local function student(dtype, quick)
  local spec, shape = student_spec(quick)
  local net = filled(models.new(spec))
  net.image_encoder:to(dtype):returns("f32")
  return net, ss.keep(formula.tensor("input", shape, 1))
end

add("student_forward", function(dtype, quick)
  local net, x = student(dtype, quick)
  net:eval()
  return without_grad(function() return net(x) end)
end)

add("student_train", function(dtype, quick)
  local net, x = student(dtype, quick)
  local label = ss.keep(x:gt(0.5):to("i64"):select(5, 1))
  local part = { ce = 1, dice = 1 }
  net:train()
  return function()
    net:zero_grad()
    losses.supervised(net(x), label, part):backward()
  end
end)

-- ---- SAM-Med3D and Tiny SAM-Med3D ------------------------------------------------------------

local SIZE = 128

local function sam3d(name, quick)
  local spec = { name }
  if quick then
    spec = { name, img_size = 32, prompt_embed_dim = 48, decoder_mlp_dim = 32 }
    if name == "sam_med3d" then
      spec.embed_dim, spec.depth, spec.num_heads = 48, 2, 4
      spec.global_attn_indexes = { 1 }
    else
      spec.embed_dims, spec.depths = { 8, 16, 24, 32 }, { 1, 1, 1, 1 }
      spec.num_heads, spec.merge_strides = { 1, 2, 3, 4 }, { 2, 2, 1 }
    end
  end
  local net = filled(models.new(spec))
  local s = net.config.img_size
  return net, ss.keep(formula.tensor("input", { 1, s, s, s, 1 }, 1))
end

local function encode3d(name)
  return function(dtype, quick)
    local net, x = sam3d(name, quick)
    net:eval():freeze():to(dtype)
    return without_grad(function() return net:encode(x).embedding end)
  end
end

-- Two clicks, the first inside, in the official axes.
local function clicks(s)
  return ss.keep(ss.tensor { { { 40, 60, 70 }, { 90, 30, 50 } } } * (s / SIZE)),
    ss.keep(ss.tensor { { 1.0, 0.0 } })
end

-- Two clicks and a previous mask: four masks at a quarter of the size.
local function decode3d(name)
  return function(dtype, quick)
    local net = sam3d(name, quick)
    net:eval():freeze():to(dtype)
    local s, g = net.config.img_size, net.config.img_size // 16
    local points, labels = clicks(s)
    local embedding = formula.tensor("embedding", { 1, g, g, g, net.config.prompt_embed_dim }, 1)
    local code = { embedding = ss.keep(embedding:to(dtype)),
      pe = ss.keep(net.prompt_encoder:dense_pe()) }
    local mask = ss.keep(formula.tensor("mask", { 1, 4 * g, 4 * g, 4 * g, 1 }, 1))
    return without_grad(function() return net:decode_low(code, points, labels, mask) end)
  end
end

add("sam_med3d_encode", encode3d "sam_med3d")
add("sam_med3d_decode", decode3d "sam_med3d")

-- One click of interactive training: all parameters.
add("sam_med3d_train", function(dtype, quick)
  local net, x = sam3d("sam_med3d", quick)
  net:train():to(dtype)
  local s, low = net.config.img_size, net.config.img_size // 4
  local points, labels = clicks(s)
  local mask = ss.keep(ss.zeros { 1, low, low, low, 1 })
  local label = ss.keep(x:gt(0.5):to("f32"))
  return function()
    net:zero_grad()
    local logits = net:decode_low(net:encode(x), points, labels, mask):slice(5, 1, 1):to("f32")
    local whole = logits:resize({ s, s, s }, { mode = "linear" })
    losses.supervised(whole, label, { ce = 1, dice = 1 }):backward()
  end
end)

add("tiny_encode", encode3d "tiny_sam_med3d")
add("tiny_decode", decode3d "tiny_sam_med3d")

-- A step of distillation: the encoder with batch statistics against the features of a teacher.
add("tiny_train", function(dtype, quick)
  local net, x = sam3d("tiny_sam_med3d", quick)
  net:train():to(dtype)
  local encoder = net.image_encoder
  local goal
  return function()
    encoder:zero_grad()
    local y = encoder(x):to("f32")
    goal = goal or ss.keep(formula.tensor("teacher", y.shape, 1))
    local d = y - goal
    local loss = (d * d):sum { dims = { 5 } }:mean():sqrt()
    loss:backward()
  end
end)

table.move(require "semisam.bench.cases_medsam2", 1, 3, #cases + 1, cases)

return cases
