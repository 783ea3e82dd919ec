-- golden.lua — runs recorded cases of the official networks.
--
-- A case folder holds case.json (model, kind, configuration, tolerance of every tensor), the weights
-- (PyTorch files and safetensors: see golden_weights.lua), io.safetensors ("in.*", "mid.*", "out.*")
-- and sometimes grads.safetensors and after_step.safetensors. Recorded arrays have channels first;
-- `last` and `first` exchange the layout at this door.
local golden_weights = require "tests.lib.golden_weights"
local kinks = require "tests.lib.golden_kinks"
local precision = require "tests.lib.golden_precision"
local ss = require "semisam"
local windows = require "semisam.models.windows"

local G = {}

---[b, c, space..] -> [b, space.., c].
function G.last(x)
  local order = { 1 }
  for axis = 3, x.ndim do order[#order + 1] = axis end
  order[#order + 1] = 2
  return x:permute(order)
end

---[b, space.., c] -> [b, c, space..].
function G.first(x)
  local order = { 1, x.ndim }
  for axis = 2, x.ndim - 1 do order[#order + 1] = axis end
  return x:permute(order)
end

---The outputs of a module instance are kept under `name`; further calls as name#1, name#2.
function G.tap(seen, module, name, keep)
  local forward, calls = module.forward, 0
  rawset(module, "forward", function(self, ...)
    local results = table.pack(forward(self, ...))
    local label = calls == 0 and name or ("%s#%d"):format(name, calls)
    calls = calls + 1
    if keep then
      keep(label, results)
    else
      seen[label] = ss.keep(results[1]:detach())
    end
    return table.unpack(results, 1, results.n)
  end)
end

---Makes a module add its residual (argument number `at`) after its own work: taps laid on what is
---returned see the work alone, as recorded.
function G.bare(module, at)
  local inner = { forward = module.forward }
  rawset(module, "forward", function(self, ...)
    local args = { ... }
    local y = inner.forward(self, table.unpack(args, 1, at - 1))
    return args[at] and y + args[at]:to(y.dtype) or y
  end)
  return inner
end

---Taps of a block's first norm, qkv layer and attention. The official attention works on padded
---windows, ours computes nothing for padding, so `want[name.attn]` is turned into a grid and the
---padded qkv of the windows is made here from the norm's output.
function G.tap_attention(seen, block, name, want, keep)
  G.tap(seen, block.norm1, name, function(label, results)
    local y, window = keep(results[1]:detach()), block.window
    label = label:sub(#name + 1)
    if seen[name .. ".norm1" .. label] then return end
    seen[name .. ".norm1" .. label] = ss.keep(y)
    local attn = name .. ".attn" .. label
    if window > 0 then
      local extent = {}
      for axis = 2, y.ndim - 1 do extent[#extent + 1] = y:size(axis) end
      y = windows.split(windows.pad(y, window), window)
      if want[attn] then
        local count = 1
        for _, s in ipairs(extent) do count = count * ((s + window - 1) // window) end
        want[attn] = ss.keep(windows.join(want[attn], want[attn]:size(1) // count, extent))
      end
    end
    seen[name .. ".qkv" .. label] = ss.keep(block.attn.qkv(y):detach())
  end)
  G.tap(seen, G.bare(block.attn, 3), name .. ".attn", function(label, results)
    if not seen[label] then seen[label] = ss.keep(keep(results[1]:detach())) end
  end)
end

local function read_json(path)
  local file <close> = assert(io.open(path, "rb"))
  return ss.json.decode(file:read "a")
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- Recorded tensors, where new ones are made.
local function here(tensors)
  local device = ss.default_device()
  for name, x in pairs(tensors) do
    if x.device ~= device then tensors[name] = x:to(device) end
  end
  return tensors
end

---A case folder as a table: info (case.json), io, weights, grads, after (tensors by name or nil).
function G.read(folder)
  local case = { folder = folder, info = read_json(folder .. "/case.json") }
  case.weights = golden_weights.read(folder, case.info)
  for field, file in pairs { io = "io", grads = "grads", after = "after_step" } do
    local path = ("%s/%s.safetensors"):format(folder, file)
    if exists(path) then case[field] = here(ss.safetensors_read(path).tensors) end
  end
  return case
end

-- Largest |a - b| - relative |b| over two flat lists, and where; NaN counts as infinite.
local function largest_difference(a, b, relative)
  local worst, at = 0, 1
  for i = 1, #b do
    local d = math.abs(a[i] - b[i]) - relative * math.abs(b[i])
    if d ~= d then return math.huge, i end
    if d > worst then worst, at = d, i end
  end
  return worst, at
end

local function shape_text(x) return "[" .. table.concat(x.shape, ",") .. "]" end

-- Compares one tensor (channels first); a message on failure. limit: { abs_limit } or { atol, rtol }.
local function compare(got, want, tolerance)
  local limit, relative = tolerance.abs_limit or tolerance.atol, tolerance.rtol or 0
  if shape_text(got) ~= shape_text(want) then
    return ("shape %s, want %s"):format(shape_text(got), shape_text(want))
  end
  local a, b = got:to("f32"):flat(), want:to("f32"):flat()
  local worst, at = largest_difference(a, b, relative)
  if worst <= limit then return nil end
  return ("differs by %.3g at element %d (%.6g, want %.6g), limit %.3g"):format(worst, at, a[at],
    b[at], limit)
end

-- In another type than f32 a tensor is measured, and only its shape can be wrong.
local function judge(report, name, got, want, tolerance)
  local part = kinks.part(report.name, name)
  if part then
    tolerance = { abs_limit = math.max(tolerance.abs_limit, part * want:abs():max():item()) }
  end
  if not precision.measures(report) or shape_text(got) ~= shape_text(want) then
    return compare(got, want, tolerance)
  end
  precision.add(report, name, got, want)
end

---Holds every tensor in `got` against the recorded one of the same name. Recorded tensors that were
---not produced are failures too.
---@param report { passed: integer, failed: integer, name: string }
---@param got table<string, tensor> channels first
---@param want table<string, tensor>
---@param limits table<string, { abs_limit: number } | { atol: number, rtol: number }>
---@param skip table<string, string>? names not produced, with the reason
function G.check(report, got, want, limits, skip)
  local names = {}
  for name in pairs(limits) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local why
    if skip and skip[name] then
      print(("skip %s %s: %s"):format(report.name, name, skip[name]))
      goto continue
    elseif not got[name] then
      why = "was not produced"
    else
      why = judge(report, name, got[name], want[name], limits[name])
    end
    if why then
      report.failed = report.failed + 1
      print(("FAIL %s %s: %s"):format(report.name, name, why))
    else
      report.passed = report.passed + 1
    end
    ::continue::
  end
end

---One condition of a case.
function G.expect(report, ok, what)
  if ok then
    report.passed = report.passed + 1
  else
    report.failed = report.failed + 1
    print(("FAIL %s %s"):format(report.name, what))
  end
end

---One condition on figures that holds in f32 only.
function G.expect_f32(report, ok, what)
  if not precision.measures(report) then G.expect(report, ok, what) end
end

---A network of a case, or a part of one: every kind hands over what it makes. Computes in the type
---asked for on the command line.
function G.network(report, net) return precision.network(report, net) end

---Backward from a loss, or from y with its gradient. In f16 under a loss scale, as in training.
function G.backward(y, grad)
  local scale = precision.loss_scale()
  if grad then y:backward(scale == 1 and grad or grad * scale) else (y * scale):backward() end
end

---The gradient of a tensor after G.backward.
function G.grad(x)
  local scale = precision.loss_scale()
  return scale == 1 and x.grad or x.grad / scale
end

---Gradients of the parameters of `net`, by official name with `prefix`.
function G.grads(got, net, prefix)
  for name, p in net:named_parameters() do
    if p.grad then got["grad." .. prefix .. name] = ss.keep(G.grad(p)) end
  end
end

local MODELS = { slicing_sam3d = "tests.lib.golden_slicing", sam_med3d = "tests.lib.golden_sam3d",
  tiny_sam_med3d = "tests.lib.golden_tiny", medsam2d = "tests.lib.golden_medsam2d",
  medsam2 = "tests.lib.golden_medsam2" }

---Run one folder. Adds to report.passed, failed, skipped.
function G.run(folder, report)
  local info = read_json(folder .. "/case.json")
  report.name, report.model, report.kind = info.model .. "/" .. info.case, info.model, info.kind
  local kinds = MODELS[info.model] and require(MODELS[info.model])
  local run = kinds and kinds[info.kind]
  if not run then
    report.skipped = report.skipped + 1
    print(("skip %s: kind %s is not supported yet"):format(report.name, info.kind))
    return
  end
  local ok, err = xpcall(ss.scoped, debug.traceback, function() run(G.read(folder), report) end)
  if not ok then
    report.failed = report.failed + 1
    print(("FAIL %s: %s"):format(report.name, err))
  end
  precision.finish(report, G)
  collectgarbage()
end

---Case folders below `root` (or root itself), sorted.
function G.find(root)
  local list = {}
  local pipe <close> = assert(io.popen(("find '%s' -name case.json"):format(root:gsub("'", ""))))
  for line in pipe:lines() do list[#list + 1] = line:match("^(.*)/case%.json$") end
  table.sort(list)
  return list
end

---Run every case below the roots; returns the report after printing the last line.
---@param roots string[]
---@param dtype string? "f32", or "bf16" or "f16": see golden_precision.lua
function G.main(roots, dtype)
  precision.set(dtype or "f32")
  local report, found = { passed = 0, failed = 0, skipped = 0 }, 0
  for _, root in ipairs(roots) do
    for _, folder in ipairs(G.find(root)) do
      found = found + 1
      G.run(folder, report)
    end
  end
  if found == 0 then
    report.failed = 1
    print("FAIL no case.json below " .. table.concat(roots, ", "))
  end
  print(("%d cases, %d skipped"):format(found, report.skipped))
  print(("%d passed, %d failed"):format(report.passed, report.failed))
  return report
end

return G
