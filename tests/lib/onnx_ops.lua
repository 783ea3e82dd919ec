-- ONNX operators in terms of ours. Each handler takes the inputs (ss tensors; nil when absent), the
-- attributes and the node, and returns the outputs; error{skip=reason} where we offer no such thing.
local ss = require "semisam"
local ops = {}

local function skip(reason) error({ skip = reason }, 0) end

-- [n, c, spatial...] to [n, spatial..., c] and back.
local function last(x)
  local dims = { 1 }
  for i = 3, x.ndim do dims[#dims + 1] = i end
  dims[#dims + 1] = 2
  return x:permute(dims)
end

local function first(x)
  local dims = { 1, x.ndim }
  for i = 2, x.ndim - 1 do dims[#dims + 1] = i end
  return x:permute(dims)
end

local function rank(x, what)
  local n = x.ndim - 2
  if n ~= 2 and n ~= 3 then skip(("%s in %d dimensions"):format(what, n)) end
  return n
end

local function list(v, n, default)
  if v then return v end
  local out = {}
  for i = 1, n do out[i] = default end
  return out
end

-- Symmetric padding of n axes from ONNX's begins-then-ends.
local function padding(attr, n)
  if attr.auto_pad and attr.auto_pad ~= "NOTSET" and attr.auto_pad ~= "VALID" then
    skip "auto_pad"
  end
  local p = list(attr.pads, 2 * n, 0)
  local out = {}
  for i = 1, n do
    if p[i] ~= p[n + i] then skip "asymmetric padding" end
    out[i] = p[i]
  end
  return out
end

function ops.Conv(x, attr)
  local n = rank(x[1], "convolution")
  local conv = n == 2 and ss.conv2d or ss.conv3d
  return first(conv(last(x[1]), x[2], x[3], {
    stride = list(attr.strides, n, 1), pad = padding(attr, n),
    dilation = list(attr.dilations, n, 1), groups = attr.group or 1,
  }))
end

function ops.ConvTranspose(x, attr)
  local n = rank(x[1], "transposed convolution")
  local conv = n == 2 and ss.conv_transpose2d or ss.conv_transpose3d
  for _, d in ipairs(attr.dilations or {}) do
    if d ~= 1 then skip "dilated transposed convolution" end
  end
  if attr.output_shape then skip "output_shape" end
  return first(conv(last(x[1]), x[2], x[3], {
    stride = list(attr.strides, n, 1), pad = padding(attr, n),
    output_pad = list(attr.output_padding, n, 0), groups = attr.group or 1,
  }))
end

local function pool(kind)
  return function(x, attr, node)
    local n = rank(x[1], "pooling")
    if not x[1].dtype:find "^[fb]" then skip "pooling of integers" end
    if attr.ceil_mode == 1 then skip "ceil_mode" end
    if #node.outputs > 1 then skip "pooling indices" end
    for _, d in ipairs(attr.dilations or {}) do
      if d ~= 1 then skip "dilated pooling" end
    end
    local options = {
      kernel = attr.kernel_shape, stride = list(attr.strides, n, 1), pad = padding(attr, n),
    }
    if kind == "avg" then options.count_include_pad = attr.count_include_pad == 1 end
    return first(ss[kind .. "_pool" .. n .. "d"](last(x[1]), options))
  end
end
ops.MaxPool, ops.AveragePool = pool "max", pool "avg"

function ops.BatchNormalization(x, attr)
  if attr.training_mode == 1 then skip "batch norm in training mode" end
  local y = ss.batch_norm(last(x[1]), x[2], x[3], x[4], x[5],
    { training = false, eps = attr.epsilon or 1e-5 })
  return first(y)
end

function ops.InstanceNormalization(x, attr)
  return first(ss.instance_norm(last(x[1]), x[2], x[3], { eps = attr.epsilon or 1e-5 }))
end

function ops.LayerNormalization(x, attr)
  local axis = attr.axis or -1
  if axis ~= -1 and axis ~= x[1].ndim - 1 then skip "layer norm over several axes" end
  return ss.layer_norm(x[1], x[2], x[3], { eps = attr.epsilon or 1e-5 })
end

local function softmax(name)
  return function(x, attr, _, opset)
    local axis = attr.axis or (opset < 13 and 1 or -1)
    if opset < 13 and axis ~= x[1].ndim - 1 and axis ~= -1 then skip "softmax over flattened axes" end
    return ss[name](x[1], axis < 0 and axis or axis + 1)
  end
end
ops.Softmax, ops.LogSoftmax = softmax "softmax", softmax "log_softmax"

function ops.Gemm(x, attr)
  local y = ss.matmul(x[1], x[2], { transpose_a = attr.transA == 1, transpose_b = attr.transB == 1 })
  if (attr.alpha or 1) ~= 1 then y = y * attr.alpha end
  return x[3] and y + x[3] * (attr.beta or 1) or y
end

function ops.MatMul(x)
  if x[1].ndim < 2 or x[2].ndim < 2 then skip "matmul of vectors" end
  return ss.matmul(x[1], x[2])
end

for name, op in pairs {
  Add = "add", Sub = "sub", Mul = "mul", Pow = "pow", Neg = "neg", Abs = "abs",
  Exp = "exp", Log = "log", Sqrt = "sqrt", Sigmoid = "sigmoid", Tanh = "tanh", Relu = "relu",
  Sin = "sin", Cos = "cos", Floor = "floor", Equal = "eq", Less = "lt", LessOrEqual = "le",
  Greater = "gt", GreaterOrEqual = "ge", And = "logical_and", Or = "logical_or",
  Not = "logical_not", Where = "where",
} do
  ops[name] = function(x) return ss[op](table.unpack(x)) end
end

function ops.Div(x)
  if not x[1].dtype:find "^[fb]" then skip "division of integers" end
  return ss.div(x[1], x[2])
end

function ops.LeakyRelu(x, attr) return ss.leaky_relu(x[1], attr.alpha or 0.01) end

function ops.Clip(x, attr)
  local lo = attr.min or x[2] and x[2]:item()
  local hi = attr.max or x[3] and x[3]:item()
  return ss.clamp(x[1], { lo = lo, hi = hi })
end

local function several(name)
  return function(x)
    local y = x[1]
    for i = 2, #x do y = ss[name](y, x[i]) end
    return y
  end
end
ops.Max, ops.Min = several "maximum", several "minimum"

local function reduce(name)
  return function(x, attr)
    local axes = attr.axes or x[2] and x[2]:flat()
    if axes and #axes == 0 then axes = nil end
    if not axes and attr.noop_with_empty_axes == 1 then return x[1] end
    local dims
    if axes then
      dims = {}
      for i, a in ipairs(axes) do dims[i] = a < 0 and a or a + 1 end
    end
    return ss[name](x[1], { dims = dims, keepdim = (attr.keepdims or 1) == 1 })
  end
end
ops.ReduceSum, ops.ReduceMean = reduce "sum", reduce "mean"
ops.ReduceMax, ops.ReduceMin = reduce "max", reduce "min"

local function arg(name)
  return function(x, attr)
    if attr.select_last_index == 1 then skip "select_last_index" end
    local axis = attr.axis or 0
    local y = ss[name](x[1], { dim = axis < 0 and axis or axis + 1,
      keepdim = (attr.keepdims or 1) == 1 })
    return y
  end
end
ops.ArgMax, ops.ArgMin = arg "argmax", arg "argmin"

function ops.Concat(x, attr) return ss.cat(x, { dim = attr.axis < 0 and attr.axis or attr.axis + 1 }) end

function ops.Transpose(x, attr)
  local dims = {}
  for i = 1, x[1].ndim do dims[i] = attr.perm and attr.perm[i] + 1 or x[1].ndim + 1 - i end
  return x[1]:permute(dims)
end

function ops.Flatten(x, attr)
  local rows, columns = 1, 1
  local axis = attr.axis or 1
  if axis < 0 then axis = axis + x[1].ndim end
  for i, s in ipairs(x[1].shape) do
    if i <= axis then rows = rows * s else columns = columns * s end
  end
  return x[1]:reshape { rows, columns }
end

function ops.Reshape(x, attr)
  local shape, old = x[2]:flat(), x[1].shape
  for i, s in ipairs(shape) do
    if s == 0 and attr.allowzero ~= 1 then shape[i] = old[i] end
  end
  return x[1]:reshape(shape)
end

function ops.Pad(x, attr)
  local pads = attr.pads or x[2]:flat()
  if x[4] then skip "padding of named axes" end
  local n, ours = x[1].ndim, {}
  for axis = n, 1, -1 do
    ours[#ours + 1] = pads[axis]
    ours[#ours + 1] = pads[n + axis]
  end
  while #ours > 2 and ours[#ours] == 0 and ours[#ours - 1] == 0 do
    ours[#ours], ours[#ours - 1] = nil, nil
  end
  if #ours > 8 then skip "padding of more than four axes" end
  return ss.pad(x[1], { pads = ours, value = attr.value or x[3] and x[3]:item() or 0,
    mode = attr.mode or "constant" })
end

function ops.Gather(x, attr)
  if x[2].ndim ~= 1 then skip "gather with an index of several axes" end
  for _, i in ipairs(x[2]:flat()) do
    if i < 0 then skip "negative indices" end
  end
  return ss.index_select(x[1], x[2], { dim = (attr.axis or 0) + 1 })
end

function ops.GatherElements(x, attr)
  for _, i in ipairs(x[2]:flat()) do
    if i < 0 then skip "negative indices" end
  end
  return ss.gather(x[1], x[2], { dim = (attr.axis or 0) + 1 })
end

function ops.Resize(x, attr)
  local mode, how = attr.mode or "nearest", attr.coordinate_transformation_mode or "half_pixel"
  if mode == "cubic" then skip "cubic interpolation" end
  if mode == "linear" and how ~= "half_pixel" and how ~= "align_corners" then skip(how) end
  if mode == "nearest" and (how ~= "asymmetric" or attr.nearest_mode ~= "floor") then
    skip("nearest with " .. how .. "/" .. tostring(attr.nearest_mode or "round_prefer_floor"))
  end
  local size = {}
  for i = 3, x[1].ndim do
    size[i - 2] = x[4] and x[4]:flat()[i] or math.floor(x[1]:size(i) * x[3]:flat()[i])
    if x[3] and x[3].count > 0 and not x[4] and size[i - 2] ~= x[1]:size(i) * x[3]:flat()[i] then
      skip "scales that are not a ratio of sizes"
    end
  end
  rank(x[1], "resize")
  return first(ss.resize(last(x[1]), { size = size, mode = mode,
    align_corners = how == "align_corners" }))
end

function ops.Constant(_, attr) return require("tests.lib.onnx").to_ss(attr.value) end
function ops.Identity(x) return x[1] end

return ops
