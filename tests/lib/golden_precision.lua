-- golden_precision.lua — the recorded cases in bf16 and f16. Every network computes in that type, and
-- instead of being held to the limits of f32 each tensor has its error measured: the norm of the
-- difference over the norm of the reference. docs/design/precision.md has the figures.
local ss = require "semisam"

local M = { dtype = "f32" }

-- Largest errors, about twice the largest measured. out: maps and tokens; scores: a handful of numbers
-- (IoU, object scores, losses), those of tiny_sam_med3d in f16 an eighth of bf16's; grad: all gradients
-- of a case as one vector. Where there is no number the error is reported only:
-- docs/design/precision.md says why.
local BOUNDS = {
  bf16 = {
    sam_med3d = { out = 0.14, scores = 0.025 },
    tiny_sam_med3d = { out = 0.32, scores = 0.09 },
    slicing_sam3d = { out = 0.08, scores = 0.002 },
    medsam2d = { out = 0.065, scores = 0.012 },
    medsam2 = { out = 0.1, scores = 0.26 },
  },
  f16 = {
    sam_med3d = { out = 0.007, scores = 0.003, grad = 0.042 },
    tiny_sam_med3d = { out = 0.025, scores = 0.011 },
    slicing_sam3d = { out = 0.009, scores = 0.0002, grad = 0.072 },
    medsam2d = { out = 0.0045, scores = 0.0026, grad = 0.06 },
    medsam2 = { out = 0.006, scores = 0.03 },
  },
}

-- Kinds in which a figure near a threshold decides what is computed next: the error of their outputs
-- says little, so the part of the elements whose sign differs is bounded instead.
local DECISIVE = { video = true, click_sequence = true }
local SIGNS = {
  bf16 = { click_sequence = 0.025, full_size = 0.056 },
  f16 = { click_sequence = 0.001, full_size = 0.0063, video = 0.01 },
}

-- Below these scales a reference is compared absolutely: what is zero but for rounding, and scores,
-- which are of the order of 1 and may come out anywhere near 0.
local ZERO, UNIT = 1e-6, 1
local SHORT = 16 -- fewer elements are scores

local LOSS_SCALE = 1024 -- in f16, as in training

---The type of the cases from now on; an error for an unknown one.
---@param dtype string
function M.set(dtype)
  if dtype ~= "f32" and not BOUNDS[dtype] then
    error(("dtype must be f32, bf16 or f16, got %s"):format(dtype), 0)
  end
  M.dtype = dtype
end

---Whether figures are measured instead of held to the limits of f32: in another type, once the case
---has made a network.
---@param report table
---@return boolean
function M.measures(report) return M.dtype ~= "f32" and report.figures ~= nil end

---Factor of losses before backward.
function M.loss_scale() return M.dtype == "f16" and LOSS_SCALE or 1 end

---A network of a case (or a part made by itself): computes in the type asked for.
---@param report table
---@param net table module
---@return table net
function M.network(report, net)
  if M.dtype == "f32" then return net end
  report.figures = report.figures or {}
  return net:to(M.dtype)
end

local function class_of(report, name, count, decided)
  if name:find "^mid[./]" then return "mid" end
  if name:find "^grad%." then return "grad" end
  if decided or DECISIVE[report.kind] then return "decided" end
  return count < SHORT and "scores" or "out"
end

local function norm(x) return math.sqrt(x:square():sum():item()) end

-- Error of one tensor, and the norms of difference and reference.
local function error_of(got, want, unit)
  if want.count == 0 then return 0, 0, 0 end
  local a, b, root = got:to("f32"), want:to("f32"), math.sqrt(want.count)
  local difference, reference = norm(a - b), norm(b)
  local e = difference / (reference < unit * root and root or reference)
  if e ~= e then e = math.huge end
  return e, difference, reference
end

-- Part of the elements with another sign.
local function signs_of(got, want)
  local function positive(x) return x:to("f32"):gt(0):to("f32") end
  return (positive(got) - positive(want)):abs():mean():item()
end

---Measure one tensor.
---@param report table
---@param name string as recorded
---@param got tensor of the same shape as want
---@param want tensor
---@param decided boolean? it depends on decisions, whatever the kind
function M.add(report, name, got, want, decided)
  local class = class_of(report, name, want.count, decided)
  local f = report.figures[class] or { worst = -1, difference = 0, reference = 0, signs = -1 }
  report.figures[class] = f
  ss.scoped(function()
    local e, difference, reference = error_of(got, want, class == "scores" and UNIT or ZERO)
    f.difference, f.reference = f.difference + difference ^ 2, f.reference + reference ^ 2
    if e > f.worst then f.worst, f.name = e, name end
    if class ~= "decided" then return end
    local signs = signs_of(got, want)
    if signs > f.signs then f.signs, f.sign_name = signs, name end
  end)
end

-- What the line of a case says of a class of tensors.
local function text_of(class, f)
  local text = ("%s %.4f (%s)"):format(class, f.worst, f.name)
  if class == "grad" then return ("%s, all %.4f"):format(text, f.all) end
  if class == "decided" then
    return ("%s, other signs %.4f (%s)"):format(text, f.signs, f.sign_name)
  end
  return text
end

---The line of a case. Counts whether its results are within their bounds.
---@param report table
---@param G table golden.lua
function M.finish(report, G)
  local figures, parts = report.figures, {}
  report.figures = nil
  if M.dtype == "f32" then return end
  if not figures then
    print(("%s %s: no network, held to the limits of f32"):format(M.dtype, report.name))
    return
  end
  G.expect(report, figures.out or figures.scores or figures.decided, "no output was measured")
  if figures.grad then
    figures.grad.all = math.sqrt(figures.grad.difference / figures.grad.reference)
  end
  for _, class in ipairs { "out", "scores", "decided", "mid", "grad" } do
    if figures[class] then parts[#parts + 1] = text_of(class, figures[class]) end
  end
  print(("%s %s: %s"):format(M.dtype, report.name, table.concat(parts, "; ")))
  local function bounded(what, value, bound)
    if not bound then return end
    G.expect(report, value <= bound, ("%s: %s %.4f, at most %g"):format(M.dtype, what, value, bound))
  end
  local bounds = BOUNDS[M.dtype][report.model]
  for _, class in ipairs { "out", "scores", "grad" } do
    local f = figures[class]
    if f then bounded("error of " .. f.name, f.all or f.worst, bounds[class]) end
  end
  local f = figures.decided
  if f then bounded("other signs in " .. f.sign_name, f.signs, SIGNS[M.dtype][report.kind]) end
end

return M
