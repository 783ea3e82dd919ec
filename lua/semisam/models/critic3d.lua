-- models/critic3d.lua — tells answers on labelled volumes from answers on unlabelled ones: four
-- convolutions of stride 2 over the probabilities, the first one added to one over the image
-- (SSL4MIS's 3-D discriminator; with 64 filters and two classes it has 11 024 386 parameters).
local nn = require "semisam.nn"

local SLOPE = 0.2 -- of leaky ReLU
local DEFAULTS = { in_channels = 1, classes = 2, filters = 64, dropout = 0.5 }

local Critic3d = nn.module {
  name = "critic3d",
  init = function(self, opts)
    local o = nn.options("critic3d", opts, DEFAULTS)
    local f = o.filters
    local function conv(inp, out) return nn.conv3d(inp, out, 4, { stride = 2, pad = 1 }) end
    self.conv0, self.conv1 = conv(o.classes, f), conv(o.in_channels, f)
    self.conv2, self.conv3, self.conv4 = conv(f, 2 * f), conv(2 * f, 4 * f), conv(4 * f, 8 * f)
    self.classifier = nn.linear(8 * f, 2)
    self.dropout = nn.dropout(o.dropout, { channels = true })
  end,
  -- p [n, d, h, w, classes], image [n, d, h, w, c] with sides of 16 or more: logits [n, 2].
  forward = function(self, p, image)
    local x = self.dropout((self.conv0(p) + self.conv1(image)):leaky_relu(SLOPE))
    x = self.dropout(self.conv2(x):leaky_relu(SLOPE))
    x = self.dropout(self.conv3(x):leaky_relu(SLOPE))
    x = self.conv4(x):leaky_relu(SLOPE)
    return self.classifier(x:mean { dims = { 2, 3, 4 } })
  end,
}

return Critic3d
