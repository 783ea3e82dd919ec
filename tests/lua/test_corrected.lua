-- The corrections beside the official behaviour that released weights need: padding left out of
-- attention, relative positions and the dense encoding along the right axes, no padding point.
local t = require "tests.lib.t"
local ss = require "semisam"
local nn = require "semisam.nn"
local models = require "semisam.models"
local Hiera = require "semisam.models.hiera"
local PromptEncoder = require "semisam.models.sam_prompt3d"
local sam_vit = require "semisam.models.sam_vit"
local textbook = require "tests.lib.textbook"

local function difference(a, b) return (a - b):abs():max():item() end

local function randomise(net)
  local state = net:state()
  ss.no_grad(function()
    for i, name in ipairs(state) do
      ss.scoped(function()
        local x = state[name]
        if x.dtype ~= "f32" or name:find "running_var$" then return end
        x:copy_(ss.normal(x.shape, 1000 + i, 0, 0.3))
      end)
    end
  end)
  return net
end

t.test("SAM's encoder: masked windows, padded ones", function()
  for _, masked in ipairs { true, false } do
    local enc = randomise(sam_vit.encoder { image_size = 40, patch_size = 8, embed_dim = 6, depth = 1,
      num_heads = 2, window_size = 3, global_attn_indexes = {}, out_channels = 4,
      window_padding = masked and "masked" or "official" })
    local attn = enc.blocks["0"].attn
    ss.no_grad(function()
      for _, extent in ipairs { { 5, 5 }, { 2, 2 }, { 4, 2 }, { 3, 6 } } do
        local x = ss.normal({ 1, extent[1], extent[2], 6 }, 3, 0, 1)
        t.near(difference(attn(x, 3), textbook.attention(attn, x, { attn.rel_pos_h, attn.rel_pos_w },
          { heads = 2, window = 3, padded = not masked, rel = "correct" })), 0, 1e-5)
      end
    end)
  end
end)

local function med3d(change)
  local spec = { "sam_med3d", img_size = 16, patch_size = 4, embed_dim = 6, depth = 2, num_heads = 2,
    window_size = 3, global_attn_indexes = { 1 }, prompt_embed_dim = 24, decoder_mlp_dim = 16,
    iou_head_hidden_dim = 8, decoder_num_heads = 2 }
  for key, value in pairs(change or {}) do spec[key] = value end
  return randomise(models.new(spec))
end

t.test("SAM-Med3D: relative positions and padding, each official or not", function()
  local sizes = { official = { official = { 4, 2, 3 }, masked = { 2, 3 } },
    correct = { official = { 4, 2, 3 }, masked = { 4, 2, 3 } } }
  for positions_as, by_padding in pairs(sizes) do
    for padding, extents in pairs(by_padding) do
      -- A grid of 4 leaves no cubes to the official positions.
      local net = med3d { relative_positions = positions_as, window_padding = padding,
        img_size = padding == "masked" and positions_as == "official" and 8 or 16 }
      local attn = net.image_encoder.blocks["0"].attn
      ss.no_grad(function()
        for _, s in ipairs(extents) do
          local x = ss.normal({ 1, s, s, s, 6 }, 4, 0, 1)
          t.near(difference(attn(x, 3), textbook.attention(attn, x,
            { attn.rel_pos_d, attn.rel_pos_h, attn.rel_pos_w }, { heads = 2, window = 3,
              padded = padding == "official", rel = positions_as })), 0, 1e-5,
            ("%s positions, %s padding, %d tokens"):format(positions_as, padding, s))
        end
      end)
    end
  end
end)

t.test("SAM-Med3D: correct positions of the whole grid", function()
  local attn = med3d { relative_positions = "correct" }.image_encoder.blocks["1"].attn
  ss.no_grad(function()
    local x = ss.normal({ 1, 4, 4, 4, 6 }, 5, 0, 1)
    t.near(difference(attn(x, 0), textbook.attention(attn, x,
      { attn.rel_pos_d, attn.rel_pos_h, attn.rel_pos_w }, { heads = 2, window = 4,
        rel = "correct" })), 0, 1e-5)
  end)
end)

t.test("Hiera: masked windows, with pooled queries too", function()
  local net = randomise(Hiera { embed_dim = 4, num_heads = 1, stages = { 1, 1, 1, 1 },
    global_att_blocks = {}, bkg = { 2, 2 }, window_spec = { 4, 4, 2, 2 }, q_pool = 0, mlp_ratio = 2,
    window_padding = "masked", lean = false })
  local pooled = randomise(Hiera { embed_dim = 4, num_heads = 1, stages = { 1, 1, 1, 1 },
    global_att_blocks = {}, bkg = { 2, 2 }, window_spec = { 4, 4, 2, 2 }, q_pool = 3, mlp_ratio = 2,
    window_padding = "masked", lean = false })
  ss.no_grad(function()
    for _, extent in ipairs { { 6, 5 }, { 3, 3 }, { 7, 9 } } do
      local attn, x = net.blocks["0"].attn, ss.normal({ 1, extent[1], extent[2], 4 }, 6, 0, 1)
      t.near(difference(attn(x), textbook.attention(attn, x, {}, { heads = 1, window = 4 })), 0, 1e-5)
    end
    -- A window alone is what it is without the others: the last 2 x 4 of a grid of 6 x 4.
    local attn, x = pooled.blocks["1"].attn, ss.normal({ 1, 6, 4, 4 }, 7, 0, 1)
    local alone = attn(x:slice(2, 5, 6))
    t.near(difference(attn(x):slice(2, 3, 3), alone), 0, 1e-6)
    local qkv, rows = attn.qkv(x:slice(2, 5, 6)):reshape({ 2, 4, 3, 2, 4 }):totable(), {}
    for b = 0, 1 do
      for h = 1, 2 do
        local sum, row, q = 0, { 0, 0, 0, 0 }, {}
        for k = 1, 4 do
          q[k] = math.max(qkv[1][2 * b + 1][1][h][k], qkv[1][2 * b + 2][1][h][k],
            qkv[2][2 * b + 1][1][h][k], qkv[2][2 * b + 2][1][h][k])
        end
        for i = 0, 7 do
          local key = qkv[i // 4 + 1][i % 4 + 1]
          local w = math.exp(textbook.dot(q, key[2][h]) / 2)
          sum = sum + w
          for k = 1, 4 do row[k] = row[k] + w * key[3][h][k] end
        end
        for k = 1, 4 do rows[#rows + 1] = row[k] / sum end
      end
    end
    t.near(difference(alone, attn.proj(ss.tensor(rows):reshape { 1, 1, 2, 8 })), 0, 1e-5)
  end)
end)

t.test("the gradient of masked windows", function()
  local attn = med3d { relative_positions = "correct", window_padding = "masked" }
    .image_encoder.blocks["0"].attn
  local x = ss.keep(ss.normal({ 1, 4, 4, 4, 6 }, 8, 0, 1):requires_grad_(true))
  local g, d = ss.normal(x.shape, 9, 0, 1), ss.normal(x.shape, 10, 0, 1)
  ;(attn(x, 3) * g):sum():backward()
  local step = 1e-2
  ss.no_grad(function()
    local function loss(k) return (attn(x:detach() + d * k, 3) * g):sum():item() end
    local measured = (loss(step) - loss(-step)) / (2 * step)
    local slope = (x.grad * d):sum():item()
    t.near(slope, measured, 2e-3 * math.abs(measured) + 1e-3)
  end)
  for name, p in attn:named_parameters() do t.ok(p.grad:abs():sum():item() > 0, name) end
  attn:zero_grad()
  x:zero_grad()
end)

-- ---- prompts ---------------------------------------------------------------------------

t.test("dense positions: those of clicks at the centres of the cells, or exchanged", function()
  local grid, size = { 2, 3, 4 }, { 8, 15, 20 }
  nn.seed(1)
  local official = PromptEncoder(12, grid, size, 8)
  local correct = PromptEncoder(12, grid, size, 8, { dense_positions = "correct",
    padding_point = true })
  correct:load_state(official:state())
  ss.no_grad(function()
    local dense, old = correct:dense_pe():totable()[1], official:dense_pe():totable()[1]
    local gaussian = official.pe_layer.positional_encoding_gaussian_matrix:totable()
    for _, p in ipairs(textbook.places(grid)) do
      local click = {}
      for a = 1, 3 do click[a] = (p[a] + 0.5) * size[a] / grid[a] - 0.5 end
      local token = correct:sparse(ss.tensor(click):reshape { 1, 1, 3 },
        ss.full({ 1, 1 }, -2)):totable()[1][1]
      t.near(dense[p[1] + 1][p[2] + 1][p[3] + 1], token, 1e-4)
      local u = { (p[2] + 0.5) / grid[1], (p[1] + 0.5) / grid[2], (p[3] + 0.5) / grid[3] }
      local want = {}
      for k = 1, 4 do
        local z = 0
        for a = 1, 3 do z = z + 2 * math.pi * (2 * u[a] - 1) * gaussian[a][k] end
        want[k], want[k + 4], want[k + 8] = math.sin(z), math.cos(z), math.sin(z)
      end
      t.near(old[p[1] + 1][p[2] + 1][p[3] + 1], want, 1e-4)
    end
  end)
end)

t.test("the padding point", function()
  local with, without = med3d(), med3d { padding_point = false }
  without:load_state(with:state())
  ss.no_grad(function()
    local points, labels = ss.tensor { { { 1, 2, 3 }, { 9, 8, 7 } } }, ss.tensor { { 1, 0 } }
    local a = with.prompt_encoder:sparse(points, labels)
    local b = without.prompt_encoder:sparse(points, labels)
    t.eq(a.shape, { 1, 3, 24 })
    t.eq(b.shape, { 1, 2, 24 })
    t.eq(difference(a:slice(2, 1, 2), b), 0)
    local none = with.prompt_encoder.not_a_point_embed.weight
    t.eq(difference(a:slice(2, 3, 3):reshape { 1, 24 }, none), 0)
  end)
end)

-- ---- networks -------------------------------------------------------------------------

local TINY = { "tiny_sam_med3d", img_size = 16, embed_dims = { 4, 8 }, depths = { 1, 1 },
  num_heads = { 1, 2 }, window_sizes = { 3, 3 }, merge_strides = { 1 }, num_experts = 2,
  slots_per_expert = 1, prompt_embed_dim = 24, decoder_mlp_dim = 16, iou_head_hidden_dim = 8,
  decoder_num_heads = 2 }

-- Answers of a network of the given kind with the options, the same weights each time.
local function answer(spec, change)
  local own = {}
  for key, value in pairs(spec) do own[key] = value end
  for key, value in pairs(change) do own[key] = value end
  local net = randomise(models.new(own):eval())
  return ss.no_grad(function()
    local x = ss.normal({ 1, 16, 16, 16, 1 }, 11, 0, 1)
    return net:decode(net:encode(x), { points = { { 3, 8, 12 } }, labels = { 1 } })
  end)
end

t.test("each option changes the answer of its network, and the official one is the default", function()
  local large = { "sam_med3d", img_size = 16, patch_size = 4, embed_dim = 6, depth = 2,
    num_heads = 2, window_size = 5, global_attn_indexes = { 1 }, prompt_embed_dim = 24,
    decoder_mlp_dim = 16, iou_head_hidden_dim = 8, decoder_num_heads = 2 }
  for _, spec in ipairs { large, TINY } do
    local base = answer(spec, {})
    t.eq(difference(base, answer(spec, { window_padding = "official",
      dense_positions = "official", padding_point = true })), 0)
    local changes = { { window_padding = "masked" }, { dense_positions = "correct" },
      { padding_point = false } }
    if spec == large then changes[4] = { relative_positions = "correct" } end
    for _, change in ipairs(changes) do
      t.ok(difference(base, answer(spec, change)) > 1e-5, next(change))
    end
  end
end)

t.test("the other networks hand the option to their encoders", function()
  local vit = { image_size = 32, patch_size = 8, embed_dim = 8, depth = 1, num_heads = 2,
    window_size = 3, global_attn_indexes = {}, window_padding = "masked" }
  for _, name in ipairs { "medsam2d", "slicing_sam3d" } do
    local spec = { name }
    for key, value in pairs(vit) do spec[key] = value end
    t.eq(models.new(spec).image_encoder.blocks["0"].attn.how.masked, true)
  end
  local net = models.new { "medsam2", image_size = 64, embed_dim = 8, num_heads = 1, d_model = 32,
    mem_dim = 16, stages = { 1, 1, 1, 1 }, global_att_blocks = {}, bkg = { 2, 2 },
    window_spec = { 4, 4, 2, 2 }, window_padding = "masked" }
  t.eq(net.image_encoder.trunk.blocks["0"].attn.masked, true)
end)

t.test("wrong values are named", function()
  t.raises(function() med3d { relative_positions = "right" } end,
    'sam_med3d: relative_positions must be "official" or "correct", got "right"')
  t.raises(function() med3d { window_padding = "no" } end, '"official" or "masked", got "no"')
  t.raises(function() med3d { dense_positions = "no" } end, '"official" or "correct", got "no"')
  t.raises(function() med3d { padding_point = "no" } end, "must be a boolean")
  t.raises(function() med3d { window_padding = "masked" } end,
    'needs relative_positions = "correct": windows of 3 tokens leave parts of a grid of 4')
  t.raises(function() models.new { "medsam2d", window_padding = "no" } end,
    '"official" or "masked", got "no"')
  t.raises(function() models.new { "slicing_sam3d", window_padding = "no" } end,
    '"official" or "masked", got "no"')
  t.raises(function() models.new { "medsam2", window_padding = "no" } end,
    'medsam2: window_padding must be "official" or "masked", got "no"')
end)

t.done()
