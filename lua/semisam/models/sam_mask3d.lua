-- models/sam_mask3d.lua — the mask decoder of SAM-Med3D: image and prompt tokens to low-resolution
-- logits and predicted IoU. Axes are the official ones (see sam_prompt3d.lua).
local ss = require "semisam"
local nn = require "semisam.nn"
local two_way = require "semisam.models.two_way"

local LN_EPS = 1e-6

local MaskDecoder3d = nn.module {
  name = "mask_decoder3d",
  -- c: channels, decoder_depth, decoder_num_heads, decoder_mlp_dim, attention_downsample_rate,
  -- num_multimask_outputs, iou_head_depth, iou_head_hidden_dim
  init = function(self, channels, c)
    self.channels, self.masks = channels, c.num_multimask_outputs + 1
    self.transformer = two_way.transformer(c.decoder_depth, channels, c.decoder_num_heads,
      c.decoder_mlp_dim, c.attention_downsample_rate)
    self.iou_token = nn.embedding(1, channels)
    self.mask_tokens = nn.embedding(self.masks, channels)
    local q = channels // 4
    self.output_upscaling = nn.sequential(
      nn.conv_transpose3d(channels, q, 2, { stride = 2 }), nn.layer_norm(q, { eps = LN_EPS }),
      ss.gelu, nn.conv_transpose3d(q, q // 2, 2, { stride = 2 }), ss.gelu)
    local heads = {}
    for i = 1, self.masks do heads[i] = two_way.head(channels, channels, q // 2, 3) end
    self.output_hypernetworks_mlps = nn.list(heads)
    self.iou_prediction_head = two_way.head(channels, c.iou_head_hidden_dim, self.masks,
      c.iou_head_depth)
  end,

  -- embedding [1 or p, g.., c], dense_pe [1, g.., c], sparse [p, s, c] or nil, dense [p, g.., c]
  -- -> logits [p, 4g.., masks], iou [p, masks]
  forward = function(self, embedding, dense_pe, sparse, dense)
    local p, c = dense:size(1), self.channels
    local grid = { dense:size(2), dense:size(3), dense:size(4) }
    local cells = grid[1] * grid[2] * grid[3]
    local own = ss.cat(self.iou_token.weight, self.mask_tokens.weight, { dim = 1 })
    local tokens = own:reshape { 1, 1 + self.masks, c }:expand { p, 1 + self.masks, c }
    if sparse then tokens = ss.cat(tokens, sparse, { dim = 2 }) end
    local q, k = self.transformer(tokens, (embedding + dense):reshape { p, cells, c },
      dense_pe:reshape { 1, cells, c })
    local up = self.output_upscaling(k:reshape { p, grid[1], grid[2], grid[3], c })
    local hyper = {}
    for i, head in ipairs(self.output_hypernetworks_mlps:children()) do
      hyper[i] = head(q:slice(2, 1 + i, 1 + i))
    end
    local weights = nn.cat(hyper, 2) -- [p, masks, c/8]
    local flat = up:reshape { p, 64 * cells, c // 8 }:matmul(weights:transpose(2, 3))
    local masks = flat:reshape { p, 4 * grid[1], 4 * grid[2], 4 * grid[3], self.masks }
    return masks, self.iou_prediction_head(q:slice(2, 1, 1):reshape { p, c })
  end,
}

return MaskDecoder3d
