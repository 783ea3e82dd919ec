-- nn/layers.lua — the standard layers, with the parameter names, shapes and initial values of
-- torch. Channels are the last axis of every input; weights keep the official [out, in, k...].
local ss = require "semisam"
local module = require "semisam.nn.module"
local random = require "semisam.nn.random"
local config = require "semisam.nn.options"
local upsampled = require "semisam.nn.upsampled"

local M = {}

-- torch's reset_parameters: kaiming uniform with a = sqrt(5), which is U(-b, b) with
-- b = 1/sqrt(fan_in), for the weight and the bias alike.
local function init_weight_bias(self, shape, n_bias, fan_in, bias)
  local bound = fan_in > 0 and 1 / math.sqrt(fan_in) or 0
  self:parameter("weight", random.init_uniform(shape, bound))
  if bias ~= false then self:parameter("bias", random.init_uniform({ n_bias }, bound)) end
end

---Linear layer on the last axis. weight [out, in], bias [out]; opts: bias, act ("none", "gelu").
---forward(x, residual?) adds the residual in the same pass.
M.linear = module.define {
  name = "linear",
  init = function(self, inp, out, opts)
    opts = config.check("linear", opts, { bias = true, act = "none" })
    self.act = opts.act
    init_weight_bias(self, { out, inp }, out, inp, opts.bias)
  end,
  forward = function(self, x, residual)
    x = self:cast(x)
    if residual and residual.dtype ~= x.dtype then residual = residual:to(x.dtype) end
    return x:linear(self.weight, self.bias, residual, { act = self.act })
  end,
}

local function triple(k, n)
  if type(k) == "table" then return { table.unpack(k) } end
  local t = {}
  for i = 1, n do t[i] = k end
  return t
end

local function product(t)
  local p = 1
  for _, v in ipairs(t) do p = p * v end
  return p
end

local CONV = { stride = 1, pad = 0, dilation = 1, groups = 1, bias = true,
  upsample = false } -- false, a factor or one for each axis

-- How often x is repeated along each axis; nil: it is taken as it is.
local function factors(name, upsample, axes)
  if not upsample then return end
  local list = triple(upsample, axes)
  for i = 1, math.max(axes, #list) do
    if #list ~= axes or math.type(list[i]) ~= "integer" or list[i] < 1 then
      local got = {}
      for k, v in ipairs(type(upsample) == "table" and upsample or { upsample }) do
        got[k] = tostring(v)
      end
      error(("%s: option \"upsample\" must be a positive integer or %d of them, got %s")
        :format(name, axes, table.concat(got, ", ")), 4)
    end
  end
  return list
end

local function define_conv(name, axes)
  return module.define {
    name = name,
    init = function(self, inp, out, kernel, opts)
      opts = config.check(name, opts, CONV)
      self.opts = { stride = opts.stride, pad = opts.pad, dilation = opts.dilation,
        groups = opts.groups }
      self.upsample = factors(name, opts.upsample, axes)
      local k = triple(kernel, axes)
      local inner = inp // opts.groups
      init_weight_bias(self, { out, inner, table.unpack(k) }, out, inner * product(k), opts.bias)
    end,
    forward = function(self, x)
      x = self:cast(x)
      if self.upsample then return upsampled.forward(self, x, name) end
      return x[name](x, self.weight, self.bias, self.opts)
    end,
  }
end

---Convolution of [n, h, w, c]: conv2d(in, out, kernel, { stride, pad, dilation, groups, bias,
---upsample }). upsample: x is first enlarged by repeating every pixel so often.
M.conv2d = define_conv("conv2d", 2)
---Convolution of [n, d, h, w, c].
M.conv3d = define_conv("conv3d", 3)

local function define_conv_transpose(name, axes)
  return module.define {
    name = name,
    init = function(self, inp, out, kernel, opts)
      opts = config.check(name, opts, { stride = 1, pad = 0, bias = true })
      self.opts = { stride = opts.stride, pad = opts.pad }
      local k = triple(kernel, axes)
      init_weight_bias(self, { inp, out, table.unpack(k) }, out, out * product(k), opts.bias)
    end,
    forward = function(self, x)
      x = self:cast(x)
      return x[name](x, self.weight, self.bias, self.opts)
    end,
  }
end

---Transposed convolution, weight [in, out, k...].
M.conv_transpose2d = define_conv_transpose("conv_transpose2d", 2)
M.conv_transpose3d = define_conv_transpose("conv_transpose3d", 3)

local function affine(self, channels, on)
  if on == false then return end
  self:parameter("weight", ss.ones { channels })
  self:parameter("bias", ss.zeros { channels })
end

---Normalise over the last axis: the LayerNorm of tokens, and LayerNorm2d/3d of channels-last
---volumes. opts: eps (1e-5).
M.layer_norm = module.define {
  name = "layer_norm",
  init = function(self, channels, opts)
    self.eps = config.check("layer_norm", opts, { eps = 1e-5 }).eps
    affine(self, channels)
  end,
  forward = function(self, x)
    return self:cast(x):layer_norm(self.weight, self.bias, { eps = self.eps })
  end,
}

---Normalise each sample and channel over space. opts: eps (1e-5), affine (false, as torch),
---slope (1): leaky ReLU of the result. forward(x, residual?) adds the residual before it.
M.instance_norm = module.define {
  name = "instance_norm",
  init = function(self, channels, opts)
    opts = config.check("instance_norm", opts, { eps = 1e-5, affine = false, slope = 1 })
    self.eps, self.slope = opts.eps, opts.slope
    affine(self, channels, opts.affine)
  end,
  forward = function(self, x, residual)
    return self:cast(x):instance_norm(self.weight, self.bias, residual,
      { eps = self.eps, slope = self.slope })
  end,
}

---Normalise each channel over the batch and space: batch statistics while training, running ones
---otherwise. opts: eps (1e-5), momentum (0.1).
M.batch_norm = module.define {
  name = "batch_norm",
  init = function(self, channels, opts)
    opts = config.check("batch_norm", opts, { eps = 1e-5, momentum = 0.1 })
    self.eps, self.momentum = opts.eps, opts.momentum
    affine(self, channels)
    self:buffer("running_mean", ss.zeros { channels })
    self:buffer("running_var", ss.ones { channels })
    self:buffer("num_batches_tracked", ss.zeros({}, { dtype = "i64" }))
  end,
  forward = function(self, x)
    x = self:cast(x)
    if self.training then
      ss.no_grad(function()
        ss.batch_norm_update_(self.running_mean, self.running_var, x:detach(),
          { momentum = self.momentum })
        self.num_batches_tracked:copy_(self.num_batches_tracked + 1)
      end)
    end
    return x:batch_norm(self.weight, self.bias, self.running_mean, self.running_var,
      { training = self.training, eps = self.eps })
  end,
}

---Normalise each sample over groups of channels and space. opts: eps (1e-5), affine (true).
M.group_norm = module.define {
  name = "group_norm",
  init = function(self, groups, channels, opts)
    opts = config.check("group_norm", opts, { eps = 1e-5, affine = true })
    self.groups, self.eps = groups, opts.eps
    affine(self, channels, opts.affine)
  end,
  forward = function(self, x)
    return self:cast(x):group_norm(self.weight, self.bias, nil,
      { groups = self.groups, eps = self.eps })
  end,
}

---A table of n rows, initially N(0, 1). forward(index) gives its rows.
M.embedding = module.define {
  name = "embedding",
  init = function(self, n, channels)
    self:parameter("weight", random.init_normal({ n, channels }, 1))
  end,
  forward = function(self, index) return self:cast(self.weight):index_select(index, 1) end,
}

---Drop elements with probability p while training and scale the rest by 1/(1-p). opts: channels
---(false): whole channels of a sample together (torch's Dropout3d).
M.dropout = module.define {
  name = "dropout",
  init = function(self, p, opts)
    if not (p >= 0 and p < 1) then
      error(("dropout: p must be in [0, 1), got %s"):format(p), 3)
    end
    self.p, self.channels = p, config.check("dropout", opts, { channels = false }).channels
  end,
  forward = function(self, x)
    if not self.training or self.p == 0 then return x end
    return x:dropout { p = self.p, key = random.dropout_key(), channels = self.channels }
  end,
}

return M
