-- The student and the generalists of a recipe by name, each with weights from a file and its own
-- frame. Networks are small and random: what counts is what is loaded, asked and refused.
local t = require "tests.lib.t"
local ss = require "semisam"
local models = require "semisam.models"
local networks = require "semisam.train.networks"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"

local LIVE = { leaks = false }

local VIT = { image_size = 16, patch_size = 8, embed_dim = 16, depth = 1, num_heads = 2,
  global_attn_indexes = { 0 }, out_channels = 8 }
local SPECS = {
  slicing_sam3d = { "slicing_sam3d", decoder_channels = { 4, 4, 4, 4 }, classes = 1 },
  sam_med3d = { "sam_med3d", img_size = 32, patch_size = 16, embed_dim = 24, depth = 1,
    num_heads = 2, window_size = 2, global_attn_indexes = { 0 }, prompt_embed_dim = 48,
    decoder_mlp_dim = 16 },
  tiny_sam_med3d = { "tiny_sam_med3d", img_size = 32, embed_dims = { 8, 8, 8, 8 },
    depths = { 1, 1, 1, 1 }, num_heads = { 1, 1, 1, 1 }, merge_strides = { 2, 2, 1 },
    prompt_embed_dim = 48, decoder_mlp_dim = 16 },
  medsam2 = { "medsam2", embed_dim = 8, stages = { 1, 1, 1, 1 }, global_att_blocks = { 2 },
    window_spec = { 8, 4, 4, 2 }, d_model = 32, mem_dim = 8, ma_layers = 1, ma_ff = 16,
    image_size = 64, decoder_mlp_dim = 16, iou_head_hidden_dim = 16 },
}
for key, value in pairs(VIT) do SPECS.slicing_sam3d[key] = value end

local function copy(spec, more)
  local out = {}
  for key, value in pairs(spec) do out[key] = value end
  for key, value in pairs(more or {}) do out[key] = value end
  return out
end

-- Random weights of a network; `part` renames or drops (nil) what is written.
local function write(path, spec, part)
  ss.nn.seed(3)
  local all, net = {}, models.new(spec)
  for name, tensor in pairs(net:state()) do
    if type(name) == "string" then
      local as = part and part(name) or not part and name
      if as then all[as] = tensor end
    end
  end
  ss.safetensors_write(path, all, {})
  return path, net
end

local function fit(dir, change, out)
  local recipe = ss.extend(tiny.recipe("semi_sam_plus", dir, out, { "quiet=true", "pseudo.n=1",
    "phases.warmup.epochs=0", "phases.semi.epochs=1", "phases.finetune.epochs=0" }), change)
  return train.fit(recipe)
end

t.test("four generalists at once, and Slicing SAM3D as the student", function()
  local dir = t.tmpdir()
  local list = { tiny.recipe("semi_sam_plus", dir, "x").generalists[1] }
  for _, name in ipairs { "sam_med3d", "tiny_sam_med3d", "medsam2", "slicing_sam3d" } do
    local path = write(("%s/%s.pth"):format(dir, name), SPECS[name])
    list[#list + 1] = copy(SPECS[name], { weights = path })
  end
  list[2].spacing, list[3].norm, list[4].precision = 2.0, "minmax", "bf16"
  local encoder = write(dir .. "/sam.pth", SPECS.slicing_sam3d, function(name)
    return name:match "^image_encoder%..*"
  end)
  local run = fit(dir, { student = copy(SPECS.slicing_sam3d, { weights = encoder }),
    generalists = list, data = { true_spacing = 1.0 } }, "a")
  t.eq(#run.generalists, 5)
  t.match(run.summary, "sam_med3d.pth.-; works at 2 mm in 32 x 32 x 32 voxels")
  t.match(run.summary, "tiny_sam_med3d.pth.-; works at 1.5 mm")
  t.match(run.summary, "slicing_sam3d.pth.-; takes no prompts, votes")
  t.match(run.summary, "sam.pth.-; the encoder")
  t.eq(run.generalists[3].prep.norm, "minmax")
  t.eq(run.generalists[2].prep.norm, "zscore_positive")
  t.eq(run.numbers.step, 3)
  local _, net = write(dir .. "/again.pth", SPECS.slicing_sam3d)
  local want = net:state()["image_encoder.blocks.0.mlp.lin1.weight"]
  local got = run.student:state()["image_encoder.blocks.0.mlp.lin1.weight"]
  t.eq((want - got):abs():max():item(), 0.0)
  -- what is shipped knows its network without the files it began with
  os.remove(encoder)
  local held = require("semisam.deploy").load(run.place.dir)
  t.eq(held.net.name, "slicing_sam3d")
end, LIVE)

t.test("semi_sam_plus_full, shrunk: eight maps, the encoder in a type of its own", function()
  local dir = t.tmpdir()
  local base = require "recipes.semi_sam_plus_full"
  t.eq({ base.pseudo.n, base.phases.warmup.epochs, base.phases.semi.epochs,
    base.phases.finetune.epochs }, { 4, 50, 120, 50 })
  local teacher = write(dir .. "/tiny.pth", SPECS.tiny_sam_med3d)
  local function recipe(out, precision)
    return ss.extend(base, { quiet = true, out = dir .. "/" .. out,
      data = { cache = dir .. "/cache", size = { 16, 16, 16 },
        phantoms = { train = 3, labelled = 1, val = 1, test = 1, size = { 16, 16, 16 } } },
      student = copy(SPECS.slicing_sam3d, { precision = precision }),
      generalists = { copy(SPECS.tiny_sam_med3d, { weights = teacher }) },
      phases = { warmup = { epochs = 1 }, semi = { epochs = 2 }, finetune = { epochs = 1 } } })
  end
  local run = train.fit(recipe("a", "f32"))
  t.eq(run.numbers.step, 4) -- one labelled case: an epoch is a step
  t.match(run.summary, "works at 1.5 mm in 32 x 32 x 32 voxels")
  t.eq(rawget(run.student.image_encoder, "compute"), nil)
  local other = train.fit(recipe("b", "bf16"))
  t.eq({ rawget(other.student.image_encoder, "compute"), rawget(other.student.decoder5, "compute"),
    rawget(other.teacher.net.image_encoder, "compute") }, { "bf16", nil, "bf16" })
  t.eq(rawget(other.shadow.net.image_encoder, "compute"), nil, "what is shipped is validated in f32")
  t.ne(tiny.weights(run), tiny.weights(other))
  t.raises(function() train.fit(ss.extend(base, { quiet = true, out = dir .. "/c",
    data = { cache = dir .. "/cache", phantoms = recipe("x").data.phantoms } })) end,
    "generalists.1': tiny_sam_med3d needs weights = FILE")
end, LIVE)

t.test("the official student's file is the decoder, SAM's the encoder, ours both", function()
  local dir = t.tmpdir()
  local spec = SPECS.slicing_sam3d
  local whole, net = write(dir .. "/whole.safetensors", spec)
  local decoder = write(dir .. "/decoder.pth", spec, function(name)
    return not name:find "^image_encoder%." and name or nil
  end)
  local encoder = write(dir .. "/encoder.pth", spec, function(name)
    return name:match "^image_encoder%.(.*)"
  end)
  local want = net:state()
  for _, files in ipairs { whole, { encoder, decoder }, { decoder, encoder } } do
    ss.nn.seed(99)
    local got, lines = networks.student(copy(spec, { weights = files }))
    t.eq(#lines, type(files) == "table" and 2 or 1)
    for name, tensor in pairs(got:state()) do
      if type(name) == "string" then t.eq((tensor - want[name]):abs():max():item(), 0.0, name) end
    end
  end
  local broken = write(dir .. "/broken.pth", spec, function(name)
    return not name:find "^image_encoder%." and name ~= "out1.segmentation_head.bias" and name
      or nil
  end)
  t.raises(function() networks.student(copy(spec, { weights = broken })) end,
    "out1.segmentation_head.bias")
end)

t.test("roles and missing weights are refused before anything is made", function()
  local dir = t.tmpdir()
  t.raises(function() fit(dir, { student = { "medsam2" } }, "a") end,
    "student': medsam2 cannot be used there; there are unet3d")
  t.raises(function() fit(dir, { generalists = { { "medsam2d" } } }, "b") end,
    "generalists.1': medsam2d cannot be used there")
  t.raises(function() fit(dir, { generalists = { { "tiny_sam_med" } } }, "c") end,
    "no network is called 'tiny_sam_med'.*tiny_sam_med3d")
  t.raises(function() fit(dir, { generalists = { copy(SPECS.sam_med3d) } }, "d") end,
    "generalists.1': sam_med3d needs weights = FILE")
  t.raises(function()
    fit(dir, { generalists = { copy(SPECS.sam_med3d, { weights = dir .. "/none.pth" }) } }, "e")
  end, "none.pth")
end)

t.done()
