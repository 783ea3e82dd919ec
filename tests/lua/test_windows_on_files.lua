-- Networks whose parameters are windows on a checkpoint file: nothing is copied, packed weights give
-- the memory back, and whoever writes gets a copy.
local memory = require "semisam.bench.memory"
local nn = require "semisam.nn"
local ss = require "semisam"
local t = require "tests.lib.t"
local weights = require "semisam.weights"

local N = 512 -- a weight of 1 MiB

local function network(n) return nn.sequential(nn.linear(n, n), nn.linear(n, n)) end

-- A file with weights, and what they are.
local function checkpoint(dir, dtype)
  local path, held = dir .. "/w.safetensors", {}
  for i = 0, 1 do
    held[i .. ".weight"] = (ss.normal({ N, N }, { key = i + 1 }) * 0.05):to(dtype or "f32")
    held[i .. ".bias"] = ss.normal({ N }, { key = i + 9 }):to(dtype or "f32")
  end
  ss.safetensors_write(path, held)
  return path, held
end

local LIVE = { leaks = false }

t.test("a loaded network computes as a copied one and takes no memory of its own", function()
  local path, held = checkpoint(t.tmpdir())
  local copied, mapped = network(N), network(N)
  copied:load_state(held)
  local before = ss.memory("cpu").used
  weights.load(mapped, path)
  t.ok(ss.memory("cpu").used <= before - 2 * N * N * 4, "what the parameters had before is given back")
  local x = ss.normal({ 8, N }, { key = 3 })
  t.eq(mapped(x):flat(), copied(x):flat())
  for i = 0, 1 do
    local name = i .. ".weight"
    t.eq(ss.hash(mapped:state()[name]), ss.hash(held[name]))
    t.eq(mapped:state()[name].requires_grad, true)
  end
end, LIVE)

t.test("training writes to copies of the pages, never to the file", function()
  local path, held = checkpoint(t.tmpdir())
  local bytes = ss.fs.read(path)
  local nets = {}
  for i = 1, 2 do
    local net = network(N)
    if i == 1 then net:load_state(held) else weights.load(net, path) end
    local opt = require("semisam.optim").adamw(net, { lr = 1e-2 })
    for _ = 1, 2 do
      net:zero_grad()
      local y = net(ss.normal({ 4, N }, { key = 5 }))
      ;(y * y):mean():backward()
      opt:step()
    end
    nets[i] = ss.hash(net:state()["1.weight"]) .. ss.hash(net:state()["0.weight"])
  end
  t.eq(nets[2], nets[1])
  t.eq(ss.fs.read(path), bytes)
  local again = network(N)
  weights.load(again, path)
  t.eq(ss.hash(again:state()["1.weight"]), ss.hash(held["1.weight"]))
end, LIVE)

t.test("what the file holds otherwise, views and shared parameters are copied", function()
  local dir = t.tmpdir()
  local path, held = checkpoint(dir, "f16")
  local net = network(N)
  weights.load(net, path)
  t.eq(ss.hash(net:state()["0.weight"]), ss.hash(held["0.weight"]:to "f32"))
  path, held = checkpoint(dir)
  net = network(N)
  local row = net:state()["0.weight"]:select(1, 1) -- a view made before has to see the new values
  local before = ss.memory("cpu").used
  weights.load(net, path)
  t.eq(row:flat(), held["0.weight"]:select(1, 1):flat())
  t.ok(before - ss.memory("cpu").used < 2 * N * N * 4, "one of two is a window")
  local x, y = ss.zeros { N, N }, ss.zeros { N, N }
  t.eq(ss._adopt(x, y), false, "no file behind it")
end, LIVE)

t.test("SAM's encoder in a student is a window, too", function()
  local dir = t.tmpdir()
  local spec = { "slicing_sam3d", image_size = 32, embed_dim = 96, depth = 2, num_heads = 4,
    out_channels = 16, decoder_channels = { 8, 8, 4, 4 } }
  local models = require "semisam.models"
  local other, held, heavy = models.new(spec), {}, 0
  for name, x in pairs(other.image_encoder:state()) do
    if type(name) == "string" then
      held["image_encoder." .. name] = x
      heavy = heavy + (x.bytes >= 1 << 16 and x.bytes or 0)
    end
  end
  ss.safetensors_write(dir .. "/sam.safetensors", held)
  local net = models.new(spec)
  collectgarbage()
  local before = ss.memory("cpu").used
  t.match(net:load_weights(dir .. "/sam.safetensors"), "; the encoder$")
  collectgarbage()
  t.ok(before - ss.memory("cpu").used >= heavy and heavy > 1e6)
  for name, x in pairs(net.image_encoder:state()) do
    if type(name) == "string" then t.eq(ss.hash(x), ss.hash(held["image_encoder." .. name]), name) end
  end
end, LIVE)

t.test("a packed weight gives its pages back and is read again when needed", function()
  local dir, n = t.tmpdir(), 4096 -- 64 MiB
  local path = dir .. "/big"
  local big = ss.normal({ n, n }, { key = 1 }) * 0.01
  ss.safetensors_write(path, { weight = big })
  local want = big:slice(1, 1, 64):flat()
  big:release()
  collectgarbage()
  local net = nn.linear(n, n, { bias = false })
  weights.load(net, path)
  ss.trim "cpu"
  net:freeze():to "bf16"
  local x = ss.normal({ 64, n }, { key = 2 })
  local base = memory.resident()
  if base == 0 then return t.skip "no /proc/self/status" end
  local first = ss.no_grad(net, x):flat()
  local packed = ss.memory("cpu").used
  local grown = memory.resident() - base
  t.ok(grown < 56e6, ("a weight of 67 MB leaves its 34 MB packed behind, not %d MB"):format(grown // 1e6))
  t.eq(ss.no_grad(net, x):flat(), first)
  t.ok(ss.memory("cpu").used < packed + 2e6, "packed once")
  t.eq(net.weight:slice(1, 1, 64):flat(), want)
  net.weight:freeze_(false)
  ss.no_grad(function() net.weight:fill_(1) end)
  ss._rest(net.weight) -- a written window must keep what was written
  t.eq(net.weight:slice(1, 1, 1):flat()[n], 1)
end, LIVE)

t.done()
