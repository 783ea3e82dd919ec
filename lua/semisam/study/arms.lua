-- study/arms.lua — what a study runs: arms (a recipe and changes to it, under a name) at label
-- counts, over seeds; and the command line and the folder of each run.
local fail = require "semisam.fail"
local paths = require "semisam.paths"
local spell = require "semisam.spell"
local ss = require "semisam"

local arms = {}

local KEYS = { [1] = true, name = true, set = true }

-- The file of a recipe: a path, or a name that require would find in a folder `recipes`.
local function recipe_file(name, where)
  if ss.fs.exists(name) then return name end
  for _, folder in ipairs(paths.folders()) do
    local path = ("%s/recipes/%s.lua"):format(folder, name)
    if ss.fs.exists(path) then return path end
  end
  fail.recipe("study: %s: there is no recipe '%s'", where, name)
end

-- A word, or { recipe, name = .., set = { "key=value", .. } }, as an arm.
local function read(spec, where)
  if type(spec) == "string" then spec = { spec } end
  if type(spec) ~= "table" or type(spec[1]) ~= "string" then
    fail.recipe("study: %s: an arm is the name of a recipe or { recipe, name = .., set = { .. } }",
      where)
  end
  for key in pairs(spec) do
    if not KEYS[key] then
      fail.recipe("study: %s: an arm has no '%s'%s", where, tostring(key),
        spell.hint(tostring(key), { "name", "set" }))
    end
  end
  local set = spec.set or {}
  if type(set) == "string" then set = { set } end
  for _, word in ipairs(set) do
    if type(word) ~= "string" or not word:find("^[%w_.]+=") then
      fail.recipe("study: %s: set is a list of key=value, got %s", where, tostring(word))
    end
  end
  local name = spec.name or spec[1]:match("([^/]*)$"):gsub("%.lua$", "")
  return { name = name, recipe = spec[1], file = recipe_file(spec[1], where), set = set,
    folder = (name:gsub("[^%w_.-]+", "-")) }
end

local function read_all(list, field, seen)
  local out = {}
  for i, spec in ipairs(list) do
    local where = ("%s[%d]"):format(field, i)
    local arm = read(spec, where)
    if seen[arm.folder] then
      fail.recipe("study: %s: two arms are called '%s'; name = .. tells them apart", where,
        arm.name)
    end
    seen[arm.folder], out[i] = true, arm
  end
  return out
end

local function key_of(word) return word:match("^[^=]*") end

-- The words of a run. A later word takes the place of an earlier one for the same setting.
local function words_of(cfg, arm, labels, seed)
  local out, at = {}, {}
  local function put(word)
    word = word:gsub("{seed}", tostring(seed)):gsub("{data_seed}", tostring(seed + 1))
      :gsub("{labels}", tostring(labels or ""))
    local key = key_of(word)
    if not at[key] then at[key] = #out + 1 end
    out[at[key]] = word
  end
  put("seed=" .. seed)
  for _, word in ipairs(cfg.set) do put(word) end
  if labels then put("data.n_labelled=" .. labels) end
  for _, word in ipairs(arm.set) do put(word) end
  return out
end

local function whole_numbers(list, field, least)
  for _, n in ipairs(list) do
    if math.type(n) ~= "integer" or n < least then
      fail.recipe("study: '%s' is a list of whole numbers from %d, got %s", field, least,
        tostring(n))
    end
  end
end

-- Label counts with false for 0, "as the data says".
local function given(list)
  local out = {}
  for i, n in ipairs(list) do out[i] = n > 0 and n end
  return out[1] ~= nil and out or { false }
end

--- The runs of a study in the order in which they are made: what `labels` and `seeds` name first
--- comes first, the ablations last.
---@param cfg table recipes/study.lua
---@return table plan { arms, ablations, counts, ablate_at, seeds, runs, run(arm, labels, seed) };
---  a run is { arm, labels, seed, name, dir, words }, `labels` false where none are given
function arms.plan(cfg)
  whole_numbers(cfg.labels, "labels", 0)
  whole_numbers(cfg.ablate_at, "ablate_at", 0)
  whole_numbers(cfg.seeds, "seeds", 0)
  local seen = {}
  local plan = { arms = read_all(cfg.recipes, "recipes", seen), seeds = cfg.seeds, runs = {},
    ablations = read_all(cfg.ablations, "ablations", seen) }
  if not plan.arms[1] or not plan.seeds[1] then fail.recipe("study: no recipe or no seed") end
  plan.counts, plan.ablate_at = given(cfg.labels), given(cfg.ablate_at)
  local by = {}
  local function add(list, counts)
    for _, labels in ipairs(counts) do
      for _, seed in ipairs(plan.seeds) do
        for _, arm in ipairs(list) do
          local name = labels and ("%s-n%d-%d"):format(arm.folder, labels, seed)
            or ("%s-%d"):format(arm.folder, seed)
          if not by[name] then
            by[name] = { arm = arm, labels = labels, seed = seed, name = name,
              dir = cfg.out .. "/" .. name, words = words_of(cfg, arm, labels, seed) }
            plan.runs[#plan.runs + 1] = by[name]
          end
        end
      end
    end
  end
  add(plan.arms, plan.counts)
  if plan.ablations[1] then
    add({ plan.arms[#plan.arms] }, plan.ablate_at)
    add(plan.ablations, plan.ablate_at)
  end
  function plan.run(arm, labels, seed)
    for _, run in ipairs(plan.runs) do
      if run.arm == arm and run.labels == labels and run.seed == seed then return run end
    end
  end
  return plan
end

return arms
