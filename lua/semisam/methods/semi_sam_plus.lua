-- methods/semi_sam_plus.lua — Semi-SAM+: consistency with the student's own average, and with the
-- trusted part of the pseudo-labels of promptable generalists. With beta.max = 0 this is Mean
-- Teacher (Tarvainen and Valpola 2017); with other words for `pseudo` it is SemiSAM.
local ss = require "semisam"
local ask = require "semisam.ask"
local labels = require "semisam.train.labels"
local losses = require "semisam.losses"
local methods = require "semisam.methods"
local pseudo = require "semisam.pseudo"
local views = require "semisam.methods.views"

local M = methods.define {}

-- The teacher's foreground probabilities on x, which the recipe may ask to be made noisy.
local function taught(run, x, key)
  local loss = run.cfg.loss
  if loss.view == "noise" then x = views.noisy(x, loss.noise, key) end
  return ss.no_grad(function() return losses.foreground(views.teacher(run, run.teacher, x)) end)
end

-- L_con on the unlabelled volumes, or on all.
local function consistency(run, l, logits, u, p_s, index)
  local loss = run.cfg.loss
  local r = views.rng(run, index, "teacher noise")
  local con = losses.consistency(p_s, taught(run, u.weak, r:key(1)), loss.con)
  if loss.samples ~= "all" then return con end
  local p_l = losses.foreground(logits)
  local of_l = losses.consistency(p_l, taught(run, l.weak, r:key(2)), loss.con)
  local n_u, n_l = p_s.shape[1], p_l.shape[1]
  return (con * n_u + of_l * n_l) / (n_u + n_l)
end

-- p_f: what the student is pulled to where the label is trusted.
local function target_of(mu, o)
  if o.target == "hard" then return losses.above_half(mu) end
  if o.sharpen == 1 then return mu end
  local q = mu:pow(1 / o.sharpen)
  return q / (q + (1 - mu):pow(1 / o.sharpen) + losses.LOG_EPS)
end

-- The labels of a batch moved on by one volume: a control that must hurt.
local function shuffled(found)
  for _, name in ipairs { "mu", "conf", "union" } do found[name] = found[name]:roll(1, 1) end
  return found
end

-- L_rs-con, and the factor that the guard and the jitter rule put on it.
local function trusted(run, l, logits, u, p_s, note)
  local cfg = run.cfg
  local label = ss.no_grad(function()
    local p = labels.prompting(run, u, p_s)
    local round = run.pseudo_round()
    local found = run.stages:run("teacher", round and labels.cached or labels.online, run, u,
      round or p)
    if cfg.pseudo.shuffled then found = shuffled(found) end
    labels.watch(run, found, losses.above_half(p), note)
    if cfg.loss.roi == "dilate" then
      found.conf = found.conf * pseudo.dilate(found.union, cfg.pseudo.dilate)
    end
    found.target = target_of(found.mu, cfg.pseudo)
    return found
  end)
  local rs = losses.trusted(p_s, label.mu, label.conf,
    { balance = cfg.loss.balance, reduce = cfg.loss.reduce, target = label.target })
  if cfg.pseudo.jitter == "beta" then rs = rs * note.conf_roi end
  if cfg.pseudo.sanity ~= "none" then
    local good = run.stages:run("teacher", labels.guard, run, l, logits, note)
    if cfg.pseudo.sanity == "labelled" then rs = rs * good end
  end
  return rs
end

function M.terms(_, run, l, u, w)
  local cfg, note = run.cfg, {}
  local logits = run.student(l.image)
  local terms = { sup = losses.supervised(logits, l.label, cfg.loss.sup, note) }
  local x = cfg.loss.view == "noise" and u.weak or u.strong
  local p_s = losses.foreground(run.student(x))
  if w.lambda > 0 then terms.con = consistency(run, l, logits, u, p_s, w.index) end
  if w.beta > 0 then terms.rs = trusted(run, l, logits, u, p_s, note) end
  return terms, note
end

local WORDS = {
  { "loss", "samples", { "unlabelled", "all" } }, { "loss", "view", { "strong", "noise" } },
  { "loss", "con", { "mse", "ce", "kl", "dice" } }, { "loss", "balance", { "fg", "none" } },
  { "loss", "reduce", { "volume", "batch" } }, { "loss", "roi", { "none", "dilate" } },
  { "pseudo", "sanity", { "none", "log", "labelled", "validation" } },
  { "pseudo", "coarse_from", { "student", "ema" } }, { "ema", "mode", { "eval", "train" } },
}

function M.clash(_, cfg)
  for _, rule in ipairs(WORDS) do
    local value, right = cfg[rule[1]][rule[2]], false
    for _, word in ipairs(rule[3]) do right = right or value == word end
    if not right then
      return ("setting '%s.%s' should be one of %s, got %s"):format(rule[1], rule[2],
        table.concat(rule[3], ", "), tostring(value))
    end
  end
  if cfg.pseudo.shuffled and cfg.batch.unlabelled < 2 then
    return "pseudo.shuffled needs two volumes in a batch, and batch.unlabelled is "
      .. tostring(cfg.batch.unlabelled)
  end
  local ok, message = pcall(ask.check, cfg.pseudo)
  return not ok and message or nil
end

return M
