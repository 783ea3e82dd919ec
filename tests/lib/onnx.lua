-- A reader of ONNX test files: protobuf messages to Lua tables, tensors to ss tensors.
local protobuf = require "tests.lib.protobuf"
local ss = require "semisam"
local onnx = {}

local fields, varint = protobuf.fields, protobuf.varint

local function append_packed(list, value, wire, format)
  if wire ~= 2 then
    list[#list + 1] = value
  elseif format then
    local at = 1
    while at <= #value do list[#list + 1], at = string.unpack(format, value, at) end
  else
    local at = 1
    while at <= #value do list[#list + 1], at = varint(value, at) end
  end
end

local raw = { "<f", "B", "b", nil, nil, "<i4", "<i8", nil, "B", nil, "<d" }
local stored = { [1] = "f32", [2] = "u8", [6] = "i32", [7] = "i64", [9] = "bool" }

---TensorProto to {name, shape, values, type}; values are numbers.
function onnx.tensor(s)
  local t = { shape = {}, values = {}, name = "" }
  fields(s, function(k, v, wire)
    if k == 1 then append_packed(t.shape, v, wire)
    elseif k == 2 then t.type = v
    elseif k == 4 then append_packed(t.values, v, wire, "<f")
    elseif k == 5 or k == 7 then append_packed(t.values, v, wire)
    elseif k == 8 then t.name = v
    elseif k == 9 and raw[t.type] then append_packed(t.values, v, 2, raw[t.type])
    elseif k == 10 then append_packed(t.values, v, wire, "<d") end
  end)
  return t
end

---ss tensor of a TensorProto table; nil and a reason if its type has no counterpart.
function onnx.to_ss(t)
  local dtype = stored[t.type]
  if t.type == 11 then
    dtype = "f32"
    for _, v in ipairs(t.values) do
      if math.abs(v) > 3.4e38 and math.abs(v) < math.huge then return nil, "doubles beyond f32" end
    end
  end
  local count = 1
  for _, n in ipairs(t.shape) do count = count * n end
  if count ~= #t.values then return nil, "not a tensor" end
  if not dtype then return nil, "element type " .. tostring(t.type) end
  local out = {}
  local format = ({ f32 = "<f", u8 = "B", i32 = "<i4", i64 = "<i8", bool = "B" })[dtype]
  for i, v in ipairs(t.values) do out[i] = string.pack(format, v) end
  return ss.frombytes(table.concat(out), dtype, t.shape)
end

local function attribute(s)
  local a = { floats = {}, ints = {} }
  fields(s, function(k, v, wire)
    if k == 1 then a.name = v
    elseif k == 2 then a.value = v
    elseif k == 3 then a.value = v
    elseif k == 4 then a.value = v
    elseif k == 5 then a.value = onnx.tensor(v)
    elseif k == 7 then append_packed(a.floats, v, wire, "<f")
    elseif k == 8 then append_packed(a.ints, v, wire) end
  end)
  if a.value == nil then a.value = #a.floats > 0 and a.floats or a.ints end
  return a
end

local function node(s)
  local n = { inputs = {}, outputs = {}, attr = {} }
  fields(s, function(k, v)
    if k == 1 then n.inputs[#n.inputs + 1] = v
    elseif k == 2 then n.outputs[#n.outputs + 1] = v
    elseif k == 4 then n.op = v
    elseif k == 5 then
      local a = attribute(v)
      n.attr[a.name] = a.value
    end
  end)
  return n
end

local function name_of(s)
  local name
  fields(s, function(k, v) if k == 1 then name = v end end)
  return name
end

---ModelProto to {nodes, initializers = {name = TensorProto table}, inputs, outputs, opset}.
function onnx.model(s)
  local m = { nodes = {}, initializers = {}, inputs = {}, outputs = {} }
  fields(s, function(k, v)
    if k == 8 then
      fields(v, function(kk, vv) if kk == 2 then m.opset = vv end end)
    elseif k == 7 then
      fields(v, function(kk, vv)
        if kk == 1 then m.nodes[#m.nodes + 1] = node(vv)
        elseif kk == 5 then
          local t = onnx.tensor(vv)
          m.initializers[t.name] = t
        elseif kk == 11 then m.inputs[#m.inputs + 1] = name_of(vv)
        elseif kk == 12 then m.outputs[#m.outputs + 1] = name_of(vv) end
      end)
    end
  end)
  return m
end

---Contents of a file, or nil.
function onnx.file(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local s = f:read "a"
  f:close()
  return s
end

return onnx
