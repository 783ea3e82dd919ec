-- Encoders in bf16 and f16 against f32 when activations are as large as those of released weights, and
-- larger: statistics and sums stay f32, so the error does not grow with them.
local t = require "tests.lib.t"
local ss = require "semisam"
local models = require "semisam.models"
local formula = require "semisam.formula"
local sam_vit = require "semisam.models.sam_vit"

local DECODER = { prompt_embed_dim = 48, decoder_mlp_dim = 64, iou_head_hidden_dim = 32 }

local function with_decoder(spec)
  for key, value in pairs(DECODER) do spec[key] = value end
  return models.new(spec):eval().image_encoder
end

local makers = {}

function makers.sam_vit()
  return sam_vit.encoder { image_size = 64, patch_size = 8, embed_dim = 64, depth = 6, num_heads = 2,
    window_size = 5, global_attn_indexes = { 2, 5 }, out_channels = 32 }, { 1, 64, 64, 3 }
end

function makers.sam_med3d()
  return with_decoder { "sam_med3d", img_size = 32, patch_size = 8, embed_dim = 64, depth = 4,
    num_heads = 2, window_size = 3, global_attn_indexes = { 1, 3 } }, { 1, 32, 32, 32, 1 }
end

function makers.hiera()
  return models.new { "medsam2", image_size = 128, embed_dim = 32, num_heads = 1, d_model = 64,
    mem_dim = 16, stages = { 1, 2, 3, 1 }, global_att_blocks = { 4 }, bkg = { 4, 4 },
    window_spec = { 8, 4, 14, 7 } }.image_encoder, { 1, 128, 128, 3 }
end

-- How much of the difference is left relative to y.
local function relative_error(x, y)
  x, y = x:to("f32"), y:to("f32")
  return math.sqrt((x - y):square():sum():item() / y:square():sum():item())
end

-- Makes tokens `factor` times as large from the start, and logits of attention too.
local function enlarge(net, factor)
  local state = net:state()
  for _, name in ipairs(state) do
    if name:find "patch_embed%.proj" or name:find "pos_embed" then
      state[name]:copy_(state[name] * factor)
    elseif name:find "qkv%.weight$" then
      state[name]:copy_(state[name] * math.sqrt(factor))
    end
  end
end

for name, make in pairs(makers) do
  t.test(name .. ": tokens of any size", function()
    for _, factor in ipairs { 1, 300, 3000 } do
      local net, shape = make()
      local x = ss.normal(shape, 1, 0, 1)
      formula.fill(net)
      ss.no_grad(function()
        enlarge(net, factor)
        local want = ss.keep(net(x):copy())
        for dtype, limit in pairs { bf16 = 0.02, f16 = 0.0025 } do
          local e = relative_error(net:to(dtype)(x), want)
          t.ok(e <= limit, ("%s, %g times: error %.4f, at most %g"):format(dtype, factor, e, limit))
        end
      end)
    end
  end)
end

t.test("soft mixtures: the routing is f32", function()
  local moe = require("semisam.models.tiny_moe")(16, 4, 2):to "f16"
  ss.no_grad(function()
    local x = ss.normal({ 1, 12, 16 }, 2, 0, 40):to("f16")
    moe.phi:copy_(ss.normal(moe.phi.shape, 3, 0, 500)) -- logits beyond the largest f16
    local dispatch, combine = moe:route(x)
    t.eq(dispatch.dtype, "f32")
    t.ok(moe:logits(x):abs():max():item() > 65504)
    t.ok(combine:isfinite():all():item())
    t.ok(moe(x):to("f32"):isfinite():all():item())
  end)
end)

t.done()
