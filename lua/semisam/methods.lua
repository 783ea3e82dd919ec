-- methods.lua — semi-supervised methods by name: what a step computes, in the training loop that
-- all of them share.
--
-- A method is a file lua/semisam/methods/<name>.lua that returns methods.define of
--   options     its settings and their defaults: recipe field method = { "<name>", ... }
--   build       networks, averages and optimisers it needs besides the student
--   supervised  the loss of a labelled batch, where it is not the plain one
--   terms       the terms of a micro-batch: the step minimises sup + lambda con + beta rs
--   after       what follows the student's update: other optimisers, other averages
--   clash       says what in a recipe does not go with it
local losses = require "semisam.losses"
local check = require("semisam.nn.options").check

local methods = {}

---Every method: file lua/semisam/methods/<name>.lua.
methods.names = {
  "semi_sam_plus", "uamt", "ict", "cps", "fixmatch", "dan", "entropy", "urpc", "dtc", "mc_net",
  "bcp", "ad_mt",
}

-- What a method does unless it says otherwise.
local Method = {}

---Networks and the like besides the student, made once.
---@param student table
---@param cfg table recipe
---@return {trained: table[]?, parts: table<string, table>?} trained: networks that share the
---  student's optimiser; parts: what a checkpoint holds, objects with state() and load_state()
function Method:build(student, cfg) -- luacheck: no unused args
  return {}
end

---L_sup of a labelled batch.
---@param run table
---@param l table { image, weak, label }
---@param index integer of the micro-batch
---@param note? table for the log: gets the loss's parts
function Method:supervised(run, l, index, note) -- luacheck: no unused args
  return losses.supervised(run.student(l.image), l.label, run.cfg.loss.sup, note)
end

---Called after the student's optimiser, in the scope of the micro-batch.
---@param run table
---@param stepped boolean false while micro-batches are still collected
function Method:after(run, stepped) end -- luacheck: no unused args

---A sentence about the first setting that does not go with the method, nil if there is none.
---@param cfg table
---@return string?
function Method:clash(cfg) end -- luacheck: no unused args

---Defines a method; see the head of this file.
---@param class table
---@return table
function methods.define(class)
  return setmetatable(class, { __index = Method })
end

---The method of a recipe.
---@param spec table { name, options }
---@return table
function methods.new(spec)
  local given, known = {}, false
  for key, value in pairs(spec) do
    if key ~= 1 then given[key] = value end
  end
  for _, name in ipairs(methods.names) do known = known or name == spec[1] end
  if not known then
    error(("method: no method is called \"%s\"; there are %s"):format(tostring(spec[1]),
      table.concat(methods.names, ", ")), 0)
  end
  local class = require("semisam.methods." .. spec[1])
  local options = check("method " .. spec[1], given, class.options or {}, 1)
  return setmetatable({ name = spec[1], options = options }, { __index = class })
end

---A network as a part of a checkpoint: what of it changes.
---@param net table module
---@return table
function methods.part(net)
  local part = {}
  function part.state()
    return { numbers = {}, tensors = require("semisam.train.state").changing(net) }
  end
  function part.load_state(_, state) net:load_state(state.tensors, { strict = false }) end
  return part
end

return methods
