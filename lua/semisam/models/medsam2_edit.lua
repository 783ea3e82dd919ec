-- models/medsam2_edit.lua — what changes the state of a MedSAM2 session besides tracking: settling
-- prompts before a pass, taking prompts and objects back.
local ss = require "semisam"
local step = require "semisam.models.medsam2_step"

local M = {}

local function release(entry)
  if entry then
    for _, tensor in pairs(entry) do tensor:release() end
  end
end

---Forget tracked slices within reach of a slice with prompts.
function M.clear_around(session, z)
  local c = session.net.config
  local reach = c.memory_temporal_stride_for_eval * c.num_maskmem
  for t = z - reach, z + reach do
    if not session.settled.noncond[t] then session.bank:remove("noncond", t) end
  end
end

-- Slices with drafts of a kind, ascending.
local function drafted(session, kind)
  local seen, list = {}, {}
  for _, own in pairs(session.drafts) do
    for z in pairs(own[kind]) do
      if not seen[z] then list[#list + 1] = z end
      seen[z] = true
    end
  end
  table.sort(list)
  return list
end

---Before a pass: drafts of all objects become entries of the bank.
function M.settle(session)
  local o = session.options
  session.started = true
  for _, kind in ipairs { "noncond", "cond" } do
    for _, z in ipairs(drafted(session, kind)) do
      session.settled[kind][z] = true
      session.bank:put(kind, z, step.together(session, z, kind))
      if o.clear_non_cond_mem_around_input
        and (o.clear_non_cond_mem_for_multi_obj or #session.objects <= 1) then
        M.clear_around(session, z)
      end
    end
    for _, own in pairs(session.drafts) do
      for z, entry in pairs(own[kind]) do
        release(entry)
        own[kind][z] = nil
      end
    end
  end
  for _, z in ipairs(session.bank.order) do
    session.bank:remove("noncond", z)
    session.settled.noncond[z] = nil
  end
end

---Forget slices without prompts that were tracked in this direction.
function M.forget_direction(session, reverse)
  for z, direction in pairs(session.tracked) do
    if direction == reverse and not session.settled.noncond[z] then
      session.bank:remove("noncond", z)
    end
  end
end

---Forget prompts and results; the objects stay.
function M.clear_results(session)
  for _, id in ipairs(session.objects) do
    for _, list in pairs(session.drafts[id]) do
      for _, entry in pairs(list) do release(entry) end
    end
    session.prompts[id] = { points = {}, masks = {} }
    session.drafts[id] = { cond = {}, noncond = {} }
  end
  session.bank:clear()
  session.settled = { cond = {}, noncond = {} }
  session.tracked, session.started = {}, false
  session.generation = session.generation + 1
end

local function has_prompts(session, z)
  for _, own in pairs(session.prompts) do
    if own.points[z] or own.masks[z] then return true end
  end
  return false
end

---Take back the prompts of an object on a slice. A slice without prompts of any object counts as
---tracked; without conditioning slices everything is forgotten.
function M.clear_prompts(session, z, id)
  local own, drafts = session.prompts[id], session.drafts[id]
  own.points[z], own.masks[z] = nil, nil
  for _, list in pairs(drafts) do
    release(list[z])
    list[z] = nil
  end
  if has_prompts(session, z) then return end
  session.settled.cond[z], session.settled.noncond[z] = nil, nil
  if session.bank:demote(z) then session.tracked[z] = nil end
  local none = #session.bank.order == 0
  if session.options.clear_before_tracking == "slice" then
    none = none and #drafted(session, "cond") == 0
  end
  if none then M.clear_results(session) end
end

---Forget an object.
function M.remove_object(session, id)
  local rows, rest, mine = {}, {}, nil
  for row, one in ipairs(session.objects) do
    if one == id then
      mine = row
    else
      rows[#rows + 1], rest[#rest + 1] = row, one
    end
  end
  if not mine then return end
  if #rest == 0 then
    session:reset()
    return
  end
  local own, slices = session.prompts[id], {}
  for z in pairs(own.points) do slices[z] = true end
  for z in pairs(own.masks) do slices[z] = true end
  for z in pairs(slices) do M.clear_prompts(session, z, id) end
  for _, list in pairs(session.drafts[id]) do
    for _, entry in pairs(list) do release(entry) end
  end
  session.objects, session.prompts[id], session.drafts[id] = rest, nil, nil
  ss.no_grad(session.bank.select, session.bank, rows)
  session.generation = session.generation + 1
end

return M
