-- state.lua — everything a run is at one moment, and its checkpoint: after loading it the run goes
-- on bit for bit as if it had never stopped.
--
-- A checkpoint is one safetensors file; its metadata holds the numbers as JSON, so that tensors and
-- numbers cannot come apart. Frozen tensors are not in it: building the networks makes them again.
local ss = require "semisam"
local methods = require "semisam.methods"
local networks = require "semisam.train.networks"
local nn = require "semisam.nn"
local ema = require "semisam.ema"
local optim = require "semisam.optim"
local pseudo = require "semisam.pseudo"

local state = {}

local FORMAT = 1

local function words(spec)
  local opts = {}
  for key, value in pairs(spec) do
    if key ~= 1 then opts[key] = value end
  end
  return spec[1], opts
end

--- Builds the student, its averages, the optimiser and what the method adds.
---   student  is trained;  teacher supervises L_con;  shadow is validated and shipped
---   parts    of the method, saved with the others
---   trained  the networks that the optimiser trains: the student, then the method's own
---@param cfg table recipe
---@return table {method, student, teacher, shadow, optim, parts, trained}
function state.build(cfg)
  nn.seed(cfg.seed)
  local student, loaded = networks.student(cfg.student, cfg.device)
  local kind, opts = words(cfg.optim)
  if not optim[kind] then
    error(("train: no optimiser is called \"%s\"; there are sgd and adamw"):format(tostring(kind)),
      0)
  end
  opts.accumulate, opts.finite = cfg.batch.accumulate, true
  if cfg.precision == "f16" then opts.loss_scale = opts.loss_scale or true end
  opts.lr = 1e-3 -- a start; every step sets its own
  networks.compute(student, cfg)
  local average = { alpha = cfg.ema.alpha, warm = cfg.ema.warm, buffers = cfg.ema.buffers }
  local method = methods.new(cfg.method)
  local built = { method = method, student = student, teacher = ema.new(student, average),
    shadow = ema.new(student, average), parts = {}, loaded = loaded }
  built.shadow.net:to("f32") -- as `predict` will run it
  local more = method:build(student, cfg)
  for _, net in ipairs(more.trained or {}) do networks.compute(net, cfg) end
  local trained = more.trained and nn.list { student, table.unpack(more.trained) } or student
  built.optim = optim[kind](trained, opts)
  for name, part in pairs(more.parts or {}) do built.parts[name] = part end
  built.trained = { student, table.unpack(more.trained or {}) }
  return built
end

-- Name -> what has state() and load_state().
local function saved(run)
  local all = { teacher = run.teacher, shadow = run.shadow, optim = run.optim }
  for name, part in pairs(run.parts) do all["method_" .. name] = part end
  return all
end

-- What changes of a network: its trained parameters and buffers.
local function changing(net)
  local out = {}
  for name, p in net:named_parameters() do
    if p.requires_grad then out[name] = p end
  end
  for name, b in net:named_buffers() do out[name] = b end
  return out
end
state.changing = changing

local function add(all, prefix, tensors)
  for name, t in pairs(tensors) do all[prefix .. name] = t end
end

local function take(all, prefix)
  local out = {}
  for name, t in pairs(all) do
    if name:sub(1, #prefix) == prefix then out[name:sub(#prefix + 1)] = t end
  end
  return out
end

--- Copies of the shipped weights as they are now, in the machine's memory: a GPU's is scarcer.
function state.snapshot(run)
  local copy = {}
  for name, t in pairs(run.shadow:state().tensors) do
    copy[name] = ss.keep(ss.empty(t.shape, { dtype = t.dtype, device = "cpu" }):copy_(t))
  end
  return copy
end

--- Writes a checkpoint of the run.
---@param run table
---@param path string
function state.save(run, path)
  local all, numbers = {}, { format = FORMAT, run = run.numbers }
  add(all, "student.", changing(run.student))
  for name, part in pairs(saved(run)) do
    local s = part:state()
    add(all, name .. ".", s.tensors)
    numbers[name] = s.numbers
  end
  if run.best then add(all, "best.", run.best) end
  numbers.kept = {}
  for id, label in pairs(run.kept) do
    for _, map in ipairs(pseudo.MAPS) do all["kept." .. map .. "." .. id] = label[map] end
    numbers.kept[id] = { empty = label.empty, round = label.round }
  end
  ss.safetensors_write(path, all, { semisam = ss.json.encode(numbers) })
end

local function restore_kept(run, all, kept)
  run.kept = {}
  for id, label in pairs(kept) do
    local own = { empty = label.empty, round = label.round }
    for _, map in ipairs(pseudo.MAPS) do
      own[map] = ss.keep(all["kept." .. map .. "." .. id]:to(run.cfg.device))
    end
    run.kept[id] = own
  end
end

--- Puts a run into the state of a checkpoint.
---@param run table built by the same recipe
---@param path string
function state.load(run, path)
  local file = ss.safetensors_read(path)
  local all, meta = file.tensors, file.metadata.semisam
  local numbers = meta and ss.json.decode(meta)
  if not numbers or numbers.format ~= FORMAT then
    error(("resume: %s is no checkpoint of this program's format %d"):format(path, FORMAT), 0)
  end
  run.student:load_state(take(all, "student."), { strict = false })
  for name, part in pairs(saved(run)) do
    part:load_state { numbers = numbers[name], tensors = take(all, name .. ".") }
  end
  local best = take(all, "best.")
  if next(best) then
    for _, t in pairs(best) do ss.keep(t) end
    run.best = best
  end
  restore_kept(run, all, numbers.kept)
  run.numbers = numbers.run
  -- JSON does not tell 1.0 from 1; a resumed run should write the bytes of the uninterrupted one
  for i, c in ipairs(run.numbers.trust) do run.numbers.trust[i] = c + 0.0 end
  for _, name in ipairs { "best_dice", "last_dice", "u_th", "guard" } do
    if run.numbers[name] then run.numbers[name] = run.numbers[name] + 0.0 end
  end
end

return state
