-- check.lua — mistakes in a recipe that can be told before anything is computed or written.
local ss = require "semisam"
local fail = require "semisam.fail"
local infer = require "semisam.infer"
local methods = require "semisam.methods"
local networks = require "semisam.train.networks"
local pseudo = require "semisam.pseudo"
local system = require "semisam.system"

local check = {}

-- The setting at "a.b", nil where a table on the way is missing.
local function at(cfg, path)
  local v = cfg
  for key in path:gmatch("[^.]+") do v = type(v) == "table" and v[key] or nil end
  return v
end

-- Numbers and their limits; whole: without a fraction. Absent settings are not looked at.
local NUMBERS = {
  { "seed", -math.huge, math.huge, whole = true }, { "batch.labelled", 1, 65536, whole = true },
  { "batch.unlabelled", 0, 65536, whole = true }, { "batch.accumulate", 1, 65536, whole = true },
  { "iters_per_epoch", 0, 1e9, whole = true }, { "data.classes", 1, 255, whole = true },
  { "data.label_channel", 1, 65535, whole = true }, { "data.n_labelled", 1, 1e9, whole = true },
  { "data.n_unlabelled", 0, 1e9, whole = true }, { "data.n_val", 0, 1e9, whole = true },
  { "data.n_test", 0, 1e9, whole = true }, { "data.workers", 0, 256, whole = true },
  { "data.fold", 0, 1e6, whole = true },
  { "ema.alpha", 0, 1 }, { "lambda.max", 0, 1e6 }, { "beta.max", 0, 1e6 },
  { "phases.warmup.epochs", 0, 1e9 }, { "phases.semi.epochs", 0, 1e9 },
  { "phases.finetune.epochs", 0, 1e9 }, { "phases.warmup.lr", 0, 1e38 },
  { "phases.semi.lr", 0, 1e38 }, { "phases.finetune.lr", 0, 1e38 },
  { "pseudo.n", 1, 1024, whole = true }, { "pseudo.points", 1, 1024, whole = true },
  { "pseudo.negatives", 0, 1024, whole = true }, { "pseudo.clicks", 1, 1024, whole = true },
  { "pseudo.box_jitter", 0, 0.5 }, { "pseudo.dilate", 0, 64, whole = true },
  { "pseudo.worse", 0, 1 },
  { "pseudo.min_voxels", 0, 1e9 }, { "pseudo.min_part", 0, 1 }, { "loss.noise", 0, 1e3 },
  { "pseudo.quantile", 1e-6, 1 }, { "pseudo.sharpen", 1e-3, 1e3 }, { "infer.overlap", 0, 0.99 },
  { "max_gb", 1e-3, 1e6 }, { "watch.cases", 0, 1000, whole = true },
  { "watch.pseudo", 0, 1e6, whole = true }, { "watch.seconds", 0, 1e9 },
  { "every.validate", 0, 1e9 }, { "every.checkpoint", 1, 1e9, whole = true },
}

local function numbers(cfg)
  for _, rule in ipairs(NUMBERS) do
    local v = at(cfg, rule[1])
    if type(v) == "number" then
      local inside = v == v and v >= rule[2] and v <= rule[3]
      if not inside or (rule.whole and not math.tointeger(v)) then
        fail.recipe("setting '%s' should be %s from %s to %s, got %s", rule[1],
          rule.whole and "a whole number" or "a number", tostring(rule[2]), tostring(rule[3]),
          tostring(v))
      end
    end
  end
end

-- Lists of three sizes in voxels; empty ones stand for a default.
local function sizes(cfg)
  for _, path in ipairs { "data.patch", "data.size", "data.phantoms.size" } do
    local v = at(cfg, path)
    if type(v) == "table" and next(v) ~= nil then
      local right = #v == 3
      for _, n in ipairs(v) do
        right = right and type(n) == "number" and math.tointeger(n) and n >= 1 and n <= 4096
      end
      if not right then
        local parts = {}
        for i, n in ipairs(v) do parts[i] = tostring(n) end
        fail.recipe("setting '%s' should be three whole numbers (z, y, x) from 1 to 4096, got {%s}",
          path, table.concat(parts, ", "))
      end
    end
  end
end

-- The method and what it asks of the other settings. Strong views share the geometry of the weak
-- one: a geometric augmentation among them would move the image away from its targets.
local function method(cfg)
  local ok, chosen = pcall(methods.new, cfg.method)
  if not ok then fail.recipe("setting 'method': %s", (tostring(chosen):gsub("^method: ", ""))) end
  local clash = chosen:clash(cfg)
  if clash then fail.recipe("%s", clash) end
  for i, item in ipairs(cfg.strong) do
    if type(item) == "table" and item.kind == "geometry" then
      fail.recipe("setting 'strong[%d]': aug.%s moves voxels; it belongs to 'weak', whose geometry "
        .. "both views share", i, item.name)
    end
  end
  local ok_blend, why = pcall(infer.weights, cfg.infer.blend, { 1, 1, 1 })
  if not ok_blend then fail.recipe("%s", (why:gsub("^.-infer: ", "setting 'infer.blend': "))) end
  local after = cfg.phases.finetune.teacher
  if after ~= "frozen" and after ~= "continue" then
    fail.recipe("setting 'phases.finetune.teacher' should be frozen or continue, got %s",
      tostring(after))
  end
end

local function input(path, setting)
  if type(path) == "string" and path ~= "" and not system.kind(path) then
    fail.input("setting '%s': %s does not exist", setting, path)
  end
end

-- The folder of a new run can be made.
local function output(cfg)
  if cfg.out == "" then return end
  if system.kind(cfg.out .. "/recipe.lua") then
    fail.create("%s holds a run already; continue it with resume=%s or choose another out", cfg.out,
      cfg.out)
  end
  local path = cfg.out:gsub("/+$", "")
  while path ~= "" and not system.kind(path) do path = path:match("^(.*)/[^/]*$") or "." end
  if path == "" then path = "/" end
  if system.kind(path) ~= "folder" then
    fail.create("setting 'out': %s cannot be made, %s is no folder", cfg.out, path)
  end
  if not system.writable(path) then
    fail.create("setting 'out': %s cannot be made, %s cannot be written", cfg.out, path)
  end
end

--- Raises a failure for the first mistake found.
---@param cfg table resolved recipe
function check.recipe(cfg)
  numbers(cfg)
  sizes(cfg)
  local ok, message = pcall(pseudo.check_threshold, cfg.pseudo.u_th)
  if not ok then fail.recipe("setting 'pseudo.u_th': %s", message:gsub("^.-: ", "")) end
  local types = { "f32", "bf16", "f16" }
  if not (" f32 bf16 f16 "):find(" " .. cfg.precision .. " ", 1, true) then
    fail.recipe("setting 'precision' should be one of %s, got '%s'", table.concat(types, ", "),
      cfg.precision)
  end
  local there, why = pcall(ss.memory, cfg.device)
  if not there then fail.recipe("setting 'device': %s", tostring(why):gsub("^[^ ]*: ", "")) end
  for _, name in ipairs { "last", "tensorboard" } do
    if type(cfg.watch[name]) ~= "boolean" then
      fail.recipe("setting 'watch.%s' should be true or false, got %s", name,
        tostring(cfg.watch[name]))
    end
  end
  if cfg.ship ~= "best" and cfg.ship ~= "last" then
    fail.recipe("setting 'ship' should be best or last, got %s", tostring(cfg.ship))
  end
  networks.check(cfg.student, "student", networks.students)
  for _, path in ipairs(networks.files(cfg.student)) do input(path, "student.weights") end
  method(cfg)
  for i, spec in ipairs(cfg.generalists or {}) do
    networks.check(spec, "generalists." .. i, networks.generalists)
    input(spec.weights, ("generalists.%d.weights"):format(i))
  end
  input(at(cfg, "data.root"), "data.root")
  if cfg.resume ~= "" then
    if cfg.out ~= "" then fail.recipe("resume and out exclude each other; resume names the run") end
    if system.kind(cfg.resume .. "/recipe.lua") ~= "file" then
      fail.input("%s: no run there (recipe.lua is missing)", cfg.resume)
    end
  else
    output(cfg)
  end
end

return check
