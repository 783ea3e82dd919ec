-- Our operations against inputs and outputs that PyTorch and the ONNX reference computed (Debian's
-- libonnx-testdata): semisam tests/onnx/test_onnx.lua [case ...]
local ss = require "semisam"
local onnx = require "tests.lib.onnx"
local ops = require "tests.lib.onnx_ops"

local root = os.getenv "SEMISAM_ONNX_DATA" or "/usr/share/libonnx-testdata/data"
local passed, failed, skipped = 0, 0, {}

local function skip(reason) error({ skip = reason }, 0) end

local function compare(got, want, label)
  local g, shape = got:flat(), got.shape
  assert(#g == #want.values and table.concat(shape, ",") == table.concat(want.shape, ","),
    ("%s: shape [%s], want [%s]"):format(label, table.concat(shape, ","), table.concat(want.shape, ",")))
  for i, w in ipairs(want.values) do
    local v = g[i]
    if type(v) == "boolean" then v = v and 1 or 0 end
    local near = v == w or (v ~= v and w ~= w) or math.abs(v - w) <= 1e-4 * math.abs(w) + 1e-5
    assert(near, ("%s: element %d is %.8g, want %.8g"):format(label, i, v, w))
  end
end

local function run_nodes(model, values)
  for _, node in ipairs(model.nodes) do
    local x = {}
    for i, name in ipairs(node.inputs) do x[i] = name ~= "" and values[name] or nil end
    local out, reason = ops[node.op](x, node.attr, node, model.opset or 1)
    if not out then skip(reason) end
    values[node.outputs[1]] = out
  end
end

local function run_case(folder)
  local model = onnx.model(assert(onnx.file(folder .. "/model.onnx"), "no model.onnx"))
  local values, set = {}, folder .. "/test_data_set_0/"
  for _, node in ipairs(model.nodes) do
    if not ops[node.op] then skip "operators we do not offer" end
  end
  local function put(name, t)
    local x, reason = onnx.to_ss(t)
    if not x then skip(reason) end
    values[name] = x
  end
  for name, t in pairs(model.initializers) do put(name, t) end
  local k = 0
  for _, name in ipairs(model.inputs) do
    if not model.initializers[name] then
      put(name, onnx.tensor(onnx.file(set .. "input_" .. k .. ".pb") or skip "optional input"))
      k = k + 1
    end
  end
  run_nodes(model, values)
  for i, name in ipairs(model.outputs) do
    local want = onnx.tensor(assert(onnx.file(set .. "output_" .. (i - 1) .. ".pb")))
    if i == 1 or values[name] then compare(values[name], want, name) end
  end
end

local function cases()
  local list = {}
  for _, group in ipairs { "pytorch-converted", "pytorch-operator", "node" } do
    for _, name in ipairs(require("semisam").fs.list(root .. "/" .. group)) do
      list[#list + 1] = { name = name, folder = root .. "/" .. group .. "/" .. name }
    end
  end
  return list
end

-- An operator of this list that no case reaches has lost its oracle.
local required = {
  "Conv", "ConvTranspose", "MaxPool", "AveragePool", "BatchNormalization", "InstanceNormalization",
  "LayerNormalization", "Softmax", "LogSoftmax", "Gemm", "Resize", "Pad", "ReduceMean", "ArgMax",
}

if not ss.fs.is_dir(root) then
  print("skip onnx: " .. root .. " is not there (package libonnx-testdata)")
  os.exit(true, true)
end
local wanted, reached = {}, {}
for _, name in ipairs { ... } do wanted[name] = true end
for name, handler in pairs(ops) do
  ops[name] = function(...)
    local out, reason = handler(...)
    reached[name] = reached[name] or out ~= nil
    return out, reason
  end
end
for _, c in ipairs(cases()) do
  if not next(wanted) or wanted[c.name] then
    local ok, err = pcall(ss.scoped, run_case, c.folder)
    if ok then
      passed = passed + 1
    elseif type(err) == "table" and err.skip then
      skipped[err.skip] = (skipped[err.skip] or 0) + 1
    else
      failed = failed + 1
      print(("FAIL %s: %s"):format(c.name, tostring(err)))
    end
  end
end
for _, name in ipairs(required) do
  if not next(wanted) and not reached[name] then
    failed = failed + 1
    print(("FAIL %s: no case ran it"):format(name))
  end
end
local reasons = {}
for reason, n in pairs(skipped) do reasons[#reasons + 1] = ("%s (%d)"):format(reason, n) end
table.sort(reasons)
if #reasons > 0 then print("not comparable with our operations: " .. table.concat(reasons, ", ")) end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0, true)
