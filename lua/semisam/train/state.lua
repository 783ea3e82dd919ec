-- state.lua — everything a run is at one moment, and its checkpoint: after loading it the run goes
-- on bit for bit as if it had never stopped.
--
-- A checkpoint is one safetensors file; its metadata holds the numbers as JSON, so that tensors and
-- numbers cannot come apart. Frozen tensors are not in it: building the networks makes them again.
local ss = require "semisam"
local models = require "semisam.models"
local nn = require "semisam.nn"
local ema = require "semisam.ema"
local optim = require "semisam.optim"

local state = {}

local FORMAT = 1

local function words(spec)
  local opts = {}
  for key, value in pairs(spec) do
    if key ~= 1 then opts[key] = value end
  end
  return spec[1], opts
end

--- Builds the student, its averages and the optimiser.
---   student  is trained;  teacher supervises L_con;  shadow is validated and shipped
---@param cfg table recipe
---@return table {student, teacher, shadow, optim}
function state.build(cfg)
  nn.seed(cfg.seed)
  local student = models.new(cfg.student)
  local kind, opts = words(cfg.optim)
  if not optim[kind] then
    error(("train: no optimiser is called \"%s\"; there are sgd and adamw"):format(tostring(kind)),
      0)
  end
  opts.accumulate, opts.finite = cfg.batch.accumulate, true
  if cfg.precision == "f16" then opts.loss_scale = opts.loss_scale or true end
  opts.lr = 1e-3 -- a start; every step sets its own
  student:to(cfg.precision):returns("f32")
  local average = { alpha = cfg.ema.alpha, warm = cfg.ema.warm }
  local teacher, shadow = ema.new(student, average), ema.new(student, average)
  shadow.net:to("f32") -- as `predict` will run it
  return {
    student = student, teacher = teacher, shadow = shadow,
    optim = optim[kind](student, opts),
  }
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

--- Copies of the shipped weights as they are now.
function state.snapshot(run)
  local copy = {}
  for name, t in pairs(run.shadow:state().tensors) do
    copy[name] = ss.keep(ss.empty(t.shape, { dtype = t.dtype }):copy_(t))
  end
  return copy
end

--- Writes a checkpoint of the run.
---@param run table
---@param path string
function state.save(run, path)
  local all, numbers = {}, { format = FORMAT, run = run.numbers }
  add(all, "student.", changing(run.student))
  for _, part in ipairs { "teacher", "shadow", "optim" } do
    local s = run[part]:state()
    add(all, part .. ".", s.tensors)
    numbers[part] = s.numbers
  end
  if run.best then add(all, "best.", run.best) end
  numbers.kept = {}
  for id, label in pairs(run.kept) do
    all["kept.mu." .. id], all["kept.var." .. id] = label.mu, label.var
    numbers.kept[id] = { empty = label.empty, round = label.round }
  end
  ss.safetensors_write(path, all, { semisam = ss.json.encode(numbers) })
end

local function restore_kept(run, all, kept)
  run.kept = {}
  for id, label in pairs(kept) do
    run.kept[id] = {
      mu = ss.keep(all["kept.mu." .. id]), var = ss.keep(all["kept.var." .. id]),
      empty = label.empty, round = label.round,
    }
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
  for _, part in ipairs { "teacher", "shadow", "optim" } do
    run[part]:load_state { numbers = numbers[part], tensors = take(all, part .. ".") }
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
  for _, name in ipairs { "best_dice", "last_dice", "u_th" } do
    if run.numbers[name] then run.numbers[name] = run.numbers[name] + 0.0 end
  end
end

return state
