-- folder.lua — the folder of a run:
--
--   recipe.lua          the resolved recipe
--   words.json          what the command line changed of it
--   log.csv, validation.csv, progress.png, validation.png, report.html, tensorboard/
--   state-STEP.safetensors   the last two checkpoints
--   best.safetensors    the shipped weights, with what `predict` needs
--   test/               predictions on the grids of the test images, summary.json
--   lock                held while a process works on the run
local ss = require "semisam"
local config_show = require "semisam.config_show"
local fail = require "semisam.fail"
local system = require "semisam.system"

local folder = {}

local KEEP = 2 -- checkpoints

-- Settings that say where a run lies and how it is watched, not what it does.
local PLACE = { "out", "resume", "quiet", "watch", "max_gb" }

local function text_of(cfg)
  local copy = {}
  for key, value in pairs(cfg) do copy[key] = value end
  for _, key in ipairs(PLACE) do copy[key] = nil end
  return config_show.show(copy)
end

local function read(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local text = f:read("a")
  f:close()
  return text
end

-- runs/NAME-1, runs/NAME-2, ...: the first that does not exist.
local function fresh(name)
  for n = 1, 1000000 do
    local dir = ("runs/%s-%d"):format(name, n)
    if not system.kind(dir) then return dir end
  end
  fail.create("runs/%s-*: no free number", name)
end

local function hold(dir)
  local lock, why = ss.fs.lock(dir .. "/lock")
  if not lock then
    fail.create("%s: another process works on this run (%s)", dir,
      why or "lock is held")
  end
  return lock
end

local function trimmed(dir) return (dir:gsub("/+$", "")) end

local function key_of(word) return word:match "^[^=]*" end

--- The words `key=value` that a run was begun with, but for its place, then the given ones, which
--- count where both name a setting.
---@param dir string
---@param words string[]
---@return string[]
function folder.words(dir, words)
  local path, given, all = trimmed(dir) .. "/words.json", {}, {}
  local text = read(path)
  local ok, kept = pcall(ss.json.decode, text or "[]")
  if not ok or type(kept) ~= "table" then fail.data("%s: no list of words in JSON", path) end
  for _, word in ipairs(words) do given[key_of(word)] = true end
  for _, word in ipairs(kept) do
    if not given[key_of(word)] then all[#all + 1] = word end
  end
  return table.move(words, 1, #words, #all + 1, all)
end

local function write_words(dir, words)
  local kept = {}
  for _, word in ipairs(words) do
    local key = key_of(word)
    if key ~= "out" and key ~= "resume" then kept[#kept + 1] = word end
  end
  if kept[1] then ss.fs.write(dir .. "/words.json", ss.json.encode(kept) .. "\n") end
end

--- Makes the folder of a new run. An `out` that holds a run already is refused.
---@param cfg table
---@param words? string[] of the command line
---@return table { dir, lock }
function folder.new(cfg, words)
  local dir = cfg.out ~= "" and cfg.out or fresh(cfg.name)
  ss.fs.mkdir(dir)
  local lock = hold(dir)
  if system.kind(dir .. "/recipe.lua") then
    fail.create("%s holds a run already; continue it with resume=%s or choose another out", dir,
      dir)
  end
  write_words(dir, words or {})
  ss.fs.write(dir .. "/recipe.lua", text_of(cfg))
  return { dir = dir, lock = lock }
end

-- The first line in which two recipes differ.
local function difference(a, b)
  local old, new = a:gmatch("[^\n]*"), b:gmatch("[^\n]*")
  while true do
    local x, y = old(), new()
    if x ~= y then return ("it has \"%s\", now \"%s\""):format(x or "", y or "") end
    if not x then return nil end
  end
end

--- Opens the folder of a run to go on with it. The recipe must be the one it was started with.
function folder.open(cfg)
  local dir = trimmed(cfg.resume)
  local text = read(dir .. "/recipe.lua")
  if not text then fail.input("%s: no run there (recipe.lua is missing)", dir) end
  local lock = hold(dir)
  ss.fs.sweep(dir) -- what a kill left half written
  local differs = difference(text, text_of(cfg))
  if differs then fail.recipe("%s was made by another recipe: %s", dir, differs) end
  return { dir = dir, lock = lock }
end

--- Checkpoints of a run by step, oldest first: { step, path }.
function folder.checkpoints(dir)
  local out = {}
  for _, name in ipairs(system.list(dir) or {}) do
    local step = name:match("^state%-(%d+)%.safetensors$")
    if step then out[#out + 1] = { step = tonumber(step), path = dir .. "/" .. name } end
  end
  table.sort(out, function(a, b) return a.step < b.step end)
  return out
end

--- Path of the checkpoint of a step.
function folder.checkpoint_path(dir, step)
  return ("%s/state-%09d.safetensors"):format(dir, step)
end

--- Removes all but the last two checkpoints.
function folder.prune(dir)
  local all = folder.checkpoints(dir)
  for i = 1, #all - KEEP do os.remove(all[i].path) end
end

return folder
