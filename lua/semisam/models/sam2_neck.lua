-- models/sam2_neck.lua — the image encoder of SAM 2: Hiera, then a feature pyramid that brings all
-- maps to one width and adds the deepest to the one above it.
local nn = require "semisam.nn"
local Hiera = require "semisam.models.hiera"

local Lateral = nn.module {
  name = "lateral",
  init = function(self, inp, out) self.conv = nn.conv2d(inp, out, 1) end,
  forward = function(self, x) return self.conv(x) end,
}

local Neck = nn.module {
  name = "fpn_neck",
  -- widths: of the maps, the deepest last; top_down: levels (from 0) that get the one below added
  init = function(self, widths, channels, top_down)
    local convs = {}
    for i = 1, #widths do convs[i] = Lateral(widths[#widths + 1 - i], channels) end
    self.convs, self.top_down = nn.list(convs), {}
    for _, level in ipairs(top_down) do self.top_down[level + 1] = true end
  end,
  -- maps, the deepest last -> as many of `channels`
  forward = function(self, ...)
    local maps, convs, out = { ... }, self.convs:children(), {}
    for level = #maps, 1, -1 do
      local y, below = convs[#maps + 1 - level](maps[level]), out[level + 1]
      if below and self.top_down[level] then
        y = y + below:resize({ y:size(2), y:size(3) }, { mode = "nearest" })
      end
      out[level] = y
    end
    return table.unpack(out)
  end,
}

return nn.module {
  name = "sam2_image_encoder",
  init = function(self, c)
    self.trunk = Hiera(c)
    self.neck = Neck(self.trunk.widths, c.d_model, c.fpn_top_down_levels)
    self.scalp = c.scalp
  end,
  -- [n, h, w, 3] -> maps [n, h/4, w/4, d], [.. 1/8], [.. 1/16]
  forward = function(self, x)
    local maps = { self.neck(self.trunk(x)) }
    return table.unpack(maps, 1, #maps - self.scalp)
  end,
}
