-- models/sam_mask2d.lua — the mask decoder of SAM and SAM 2: an image embedding and prompt tokens
-- to low-resolution logits and predicted IoU, and for SAM 2 the object's score and mask tokens.
local ss = require "semisam"
local nn = require "semisam.nn"
local two_way = require "semisam.models.two_way"

local LN_EPS = 1e-6

-- The two doublings of the grid: channels -> channels / 4 -> channels / 8.
local Upscaling = nn.module {
  name = "output_upscaling",
  init = function(self, channels)
    local quarter = channels // 4
    self["0"] = nn.conv_transpose2d(channels, quarter, 2, { stride = 2 })
    self["1"] = nn.layer_norm(quarter, { eps = LN_EPS })
    self["3"] = nn.conv_transpose2d(quarter, quarter // 2, 2, { stride = 2 })
  end,
  -- s1 [.., 2g, 2g, c/4], s0 [.., 4g, 4g, c/8]: features of the image added to the two
  forward = function(self, x, s0, s1)
    x = self["0"](x)
    if s1 then x = x + s1 end
    x = self["3"](self["1"](x):gelu())
    if s0 then x = x + s0 end
    return x:gelu()
  end,
}

local MaskDecoder2d = nn.module {
  name = "mask_decoder2d",
  -- c: decoder_depth, decoder_num_heads, decoder_mlp_dim, attention_downsample_rate,
  -- num_multimask_outputs, iou_head_depth, iou_head_hidden_dim. extra, for SAM 2: sam2 (names of
  -- its MLPs), object_score ("mlp", "linear"), high_res (convolutions of the image's features)
  init = function(self, channels, c, extra)
    extra = extra or {}
    self.channels, self.masks = channels, c.num_multimask_outputs + 1
    self.transformer = two_way.transformer(c.decoder_depth, channels, c.decoder_num_heads,
      c.decoder_mlp_dim, c.attention_downsample_rate, extra.sam2)
    self.iou_token = nn.embedding(1, channels)
    self.mask_tokens = nn.embedding(self.masks, channels)
    if extra.object_score then self.obj_score_token = nn.embedding(1, channels) end
    self.output_upscaling = Upscaling(channels)
    if extra.high_res then
      self.conv_s0 = nn.conv2d(channels, channels // 8, 1)
      self.conv_s1 = nn.conv2d(channels, channels // 4, 1)
    end
    local heads = {}
    for i = 1, self.masks do heads[i] = two_way.head(channels, channels, channels // 8, 3) end
    self.output_hypernetworks_mlps = nn.list(heads)
    self.iou_prediction_head = two_way.head(channels, c.iou_head_hidden_dim, self.masks,
      c.iou_head_depth)
    if extra.object_score == "mlp" then
      self.pred_obj_score_head = two_way.head(channels, channels, 1, 3)
    elseif extra.object_score then
      self.pred_obj_score_head = nn.linear(channels, 1)
    end
  end,

  -- embedding [1 or p, g, g, c], dense_pe [1, g, g, c], sparse [p, s, c] or nil, dense
  -- [p, g, g, c]; SAM 2: s0, s1 as for Upscaling
  -- -> logits [p, 4g, 4g, masks], iou [p, masks], mask tokens [p, masks, c], score [p, 1] or nil
  forward = function(self, embedding, dense_pe, sparse, dense, s0, s1)
    local p, h, w, c = dense:size(1), dense:size(2), dense:size(3), self.channels
    local own = { self.iou_token.weight, self.mask_tokens.weight }
    if self.obj_score_token then table.insert(own, 1, self.obj_score_token.weight) end
    local first, count = #own - 1, #own - 1 + self.masks -- place of the IoU token, tokens of ours
    local tokens = ss.cat(own, { dim = 1 }):reshape { 1, count, c }:expand { p, count, c }
    if sparse then tokens = ss.cat(tokens, sparse, { dim = 2 }) end
    local q, k = self.transformer(self:cast(tokens),
      self:cast(embedding + dense):reshape { p, h * w, c },
      self:cast(dense_pe):reshape { 1, h * w, c })
    local up = self.output_upscaling(k:reshape { p, h, w, c }, s0, s1)
    local hyper = {}
    for i, head in ipairs(self.output_hypernetworks_mlps:children()) do
      hyper[i] = head(q:slice(2, first + i, first + i))
    end
    local masks = up:reshape { p, 16 * h * w, c // 8 }:matmul(nn.cat(hyper, 2):transpose(2, 3))
      :reshape { p, 4 * h, 4 * w, self.masks }
    local score = self.obj_score_token
      and self.pred_obj_score_head(q:slice(2, 1, 1):reshape { p, c })
    return masks, self.iou_prediction_head(q:slice(2, first, first):reshape { p, c }),
      q:slice(2, first + 1, count), score
  end,
}

return MaskDecoder2d
