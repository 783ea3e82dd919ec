-- golden_medsam2_parts.lua — building and filling MedSAM2 for its recorded cases. Their tensors have
-- names with slashes, limits in atol and rtol, and weights that several cases share.
local ss = require "semisam"
local models = require "semisam.models"
local formula = require "semisam.formula"
local G = require "tests.lib.golden"

local P = {}

---The network of a case, with its weights where it has some.
---@param report table
---@param case table from golden.read
---@param extra table? further options
function P.build(report, case, extra)
  local spec = { "medsam2" }
  for key, value in pairs(case.info.config_reduction or {}) do
    if key ~= "seed" then spec[key] = value end
  end
  for key, value in pairs(extra or {}) do spec[key] = value end
  local net = models.new(spec)
  if case.weights then net:load_state(case.weights) end
  return G.network(report, net)
end

---Limits of all recorded results by name.
function P.limits(case)
  local limits, given = {}, case.info.tolerances
  for name in pairs(case.io) do
    if not name:find "^in/" then
      limits[name] = given[name] or given["*"] or error(name .. " has no tolerance")
    end
  end
  return limits
end

-- The regular expressions of the rules use only what Lua patterns also have.
local function pattern(regex) return (regex:gsub("\\", "%%")) end

-- Scale and offset of 2u - 1 for a tensor.
local function range(name, shape, exceptions)
  local scale, offset = 0.02, 0
  if #shape >= 2 then
    local inner = 1
    for i = 2, #shape do inner = inner * shape[i] end
    scale = 1 / math.sqrt(inner)
  elseif name:find "%.weight$" then
    scale, offset = 0.1, 1
  end
  for _, rule in ipairs(exceptions) do
    if name:find(pattern(rule[1])) then
      scale, offset = scale * rule[2], offset * rule[2] + rule[3]
    end
  end
  return scale, offset
end

---Fill a network by the formula of a full-size case; returns how many check values are right and
---how many there are.
function P.fill(net, info)
  local state, right, all = net:state(), 0, 0
  ss.no_grad(function()
    for _, name in ipairs(state) do
      ss.scoped(function()
        local t = state[name]
        t:copy_(formula.tensor(name, t.shape, range(name, t.shape, info.formula.exceptions)))
        local first = t:reshape { -1 }:slice(1, 1, math.min(4, t.count)):flat()
        for i, want in ipairs(info.weight_checks[name] or {}) do
          all = all + 1
          if first[i] == want then right = right + 1 end
        end
      end)
    end
  end)
  return right, all
end

---The slices of a full-size case: whole numbers 0..255 as f32 [d, s, s].
function P.slices(info, s)
  return formula.tensor("input", { info.num_frames, s, s }, 128, 128):floor()
end

local MEAN, STD = { 0.485, 0.456, 0.406 }, { 0.229, 0.224, 0.225 }

---Grey slices [d, s, s] as input of the network.
function P.normalised(x)
  local shape = { 1, 1, 1, 3 }
  x = x:reshape { x:size(1), x:size(2), x:size(3), 1 } / 255
  return (x - ss.tensor(MEAN):reshape(shape)) / ss.tensor(STD):reshape(shape)
end

return P
