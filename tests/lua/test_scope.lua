-- Scopes and handles: what dies when, and what errors say.
local t = require "tests.lib.t"
local ss = require "semisam"

t.test("a scope releases what is not returned", function()
  local n0 = ss.live()
  local kept, lost
  local out = ss.scoped(function()
    lost = ss.zeros { 4 }
    kept = ss.keep(ss.ones { 4 })
    return { deep = { ss.full({ 2 }, 7) } }
  end)
  t.eq(out.deep[1]:totable(), { 7, 7 })
  t.eq(kept:totable(), { 1, 1, 1, 1 })
  t.raises(function() return lost.shape end, "scope ended; return it or keep")
  t.eq(ss.live(), n0 + 2)
  kept:release()
  out.deep[1]:release()
  t.raises(function() return kept:size(1) end, "released by release")
  kept:release()
end)

t.test("scopes close on errors, nested ones too", function()
  local n0 = ss.live()
  t.raises(function()
    ss.scoped(function()
      local _s <close> = ss.scope()
      local _x = ss.zeros { 8 }
      error "no"
    end)
  end, "no")
  t.eq(ss.live(), n0)
  do
    local _s <close> = ss.scope()
    local _y = ss.zeros { 8 }
  end
  t.eq(ss.live(), n0)
end)

t.test("returned handles belong to the scope outside", function()
  local n0 = ss.live()
  ss.scoped(function()
    local y = ss.scoped(function() return ss.ones { 3 } end)
    t.eq(y:totable(), { 1, 1, 1 })
  end)
  t.eq(ss.live(), n0)
end)

t.test("done() releases what the innermost scope would, and nothing else", function()
  local n0 = ss.live()
  local outer, kept = ss.ones { 2 }, nil
  ss.scoped(function()
    local mine = ss.ones { 3 }
    kept = ss.keep(ss.ones { 4 })
    ss.scoped(ss.done, mine)
    t.eq(mine:totable(), { 1, 1, 1 }, "of the scope outside")
    ss.done(mine)
    ss.done(kept)
    ss.done(outer)
    t.raises(function() return mine.shape end, "released by done")
    t.raises(function() ss.done(mine) end, "released by done")
    t.raises(function() ss.done(3) end, "tensor")
  end)
  t.eq({ outer:totable(), kept:totable() }, { { 1, 1 }, { 1, 1, 1, 1 } })
  outer:release()
  kept:release()
  t.eq(ss.live(), n0)
end)

t.test("the byte budget collects dead handles, then refuses", function()
  local budget = ss.memory("cpu").budget
  ss.set_budget("cpu", ss.memory("cpu").used + (8 << 20))
  for _ = 1, 200 do local _x = ss.zeros { 1 << 18 } end -- 200 MiB of garbage under 8 MiB
  local hold = {}
  local ok, err = pcall(function()
    for i = 1, 100 do hold[i] = ss.zeros { 1 << 18 } end
  end)
  ss.set_budget("cpu", budget)
  t.eq(ok, false)
  t.eq(err.code, "oom")
  t.match(tostring(err), "test_scope.lua:%d+: .*out of memory on cpu: wanted 1048576 bytes")
  for _, x in ipairs(hold) do x:release() end
  collectgarbage()
end)

t.test("errors carry the position of the script", function()
  local ok, err = pcall(function() return ss.add(ss.zeros { 2 }, ss.zeros { 3 }) end)
  t.eq(ok, false)
  t.match(err, "test_scope.lua:%d+: add: .*f32%[2%].*f32%[3%]")
  t.raises(function() return ss.zeros { 2 }:sum { dim = 1 } end, "unknown option 'dim'")
  t.raises(function() return ss.zeros { 2 }:sum { dims = 3 } end, "not an axis of a tensor with 1 axes")
  t.raises(function() return ss.zeros({ 2 }, { device = "cuda:0" }) end, "device 'cuda:0': ")
  t.raises(function() return ss.zeros { -1 } end, "size %-1")
  t.raises(function() return ss.zeros { 1 << 40, 1 << 40 } end, "2%^60")
end)

t.test("every argument survives every wrong value", function()
  local bad = { false, 0 / 0, math.huge, -1, 2 ^ 53 + 1, math.mininteger, "", ("x"):rep(1000), {},
    { {} }, { 1, "a" }, print, io.stdout, ss.zeros { 0 } }
  local n = 0
  for _, op in ipairs(ss.ops()) do
    for i = 1, math.min(#op.params, 4) do
      for _, v in ipairs(bad) do
        local args = {}
        for k = 1, i do
          args[k] = op.params[k].kind == "tensor" and ss.ones { 2, 2 } or 1
        end
        args[i] = v
        pcall(ss._ops[op.name], table.unpack(args, 1, i))
        n = n + 1
      end
    end
  end
  t.ok(n > 500, "calls tried: " .. n)
  collectgarbage()
end)

t.done()
