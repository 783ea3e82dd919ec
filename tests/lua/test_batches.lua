-- Batches of a run: the same bits for 0, 1 and 4 loader threads, after jumps, and with a Lua function
-- among the augmentations.
local t = require "tests.lib.t"
local aug = require "semisam.data.augment"
local batches = require "semisam.train.batches"
local config = require "semisam.config"
local ss = require "semisam"
local stores = require "semisam.data.store"

-- Stands for data/store.lua's source: cases made of numbers.
local function store_of(n, labelled)
  local store = stores.new({}, nil)
  local cases = {}
  for i = 1, n do
    local case = { id = ("case_%d"):format(i), role = labelled and "labelled" or "unlabelled" }
    store.held[case.id] = {
      image = ss.uniform({ 10, 11, 12, 1 }, i), grid = { size = { 10, 11, 12 } },
      label = labelled and ss.uniform({ 10, 11, 12, 1 }, i):gt(0.7):to "u8" or nil,
    }
    cases[i] = case
  end
  return store, cases
end

local function recipe(workers, extra)
  local cfg = config.override(require "recipes.semi_sam_plus", { "data.workers=" .. workers, "seed=5" })
  cfg.weak = { aug.flip { axes = { "d", "w" } }, aug.turn { beam = "h" }, aug.affine {},
    aug.crop { size = { 8, 8, 8 } }, extra }
  cfg.strong = { aug.contrast {}, aug.noise { p = 1 }, aug.speckle { p = 1 }, aug.blur { p = 1 },
    aug.tgc { p = 1 }, aug.shadow { p = 1 }, aug.cutout { p = 1 } }
  return cfg
end

-- Hashes of the batches asked for, in the order of `indices`.
local function hashes(workers, indices, extra)
  local store, labelled = store_of(5, true)
  local other, unlabelled = store_of(7, false)
  for id, held in pairs(other.held) do store.held["u_" .. id] = held end
  for _, case in ipairs(unlabelled) do case.id = "u_" .. case.id end
  local all = batches.new(store, { labelled = labelled, unlabelled = unlabelled }, recipe(workers, extra))
  local out = {}
  for _, i in ipairs(indices) do
    ss.scoped(function()
      local l, u = all:labelled(i), all:unlabelled(i)
      t.eq(u.label, nil)
      t.eq(#u.samples, 2)
      for _, x in ipairs { l.image, l.label, u.weak, u.strong } do out[#out + 1] = ss.hash(x) end
    end)
  end
  t.ok(all:waited() >= 0)
  all:close()
  for _, held in pairs(store.held) do
    held.image:release()
    if held.label then held.label:release() end
  end
  return out
end

t.test("0, 1 and 4 workers give the same batches", function()
  local order = { 0, 1, 2, 3, 4, 5, 6, 7 }
  local want = hashes(0, order)
  t.eq(#want, 32)
  t.ne(want[1], want[5])
  t.eq(hashes(1, order), want)
  t.eq(hashes(4, order), want)
end)

t.test("a jump to another batch starts the queue anew", function()
  local order = { 0, 1, 6, 7, 2 }
  t.eq(hashes(2, order), hashes(0, order))
end)

t.test("a Lua function runs on the main thread, with the same result", function()
  local function brighter(x) return x * 1.5 end
  t.eq(hashes(2, { 0, 1, 2 }, brighter), hashes(0, { 0, 1, 2 }, brighter))
  t.ne(hashes(0, { 0 }, brighter)[1], hashes(0, { 0 })[1])
end)

t.done()
