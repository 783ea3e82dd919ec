-- golden_medsam2_common.lua — what the recorded kinds around MedSAM2's network share: the network
-- with the predictor's settings, and limits that a part of the elements may exceed.
local ss = require "semisam"
local G = require "tests.lib.golden"
local P = require "tests.lib.golden_medsam2_parts"
local precision = require "tests.lib.golden_precision"

local M = {}

-- Settings of the official program under other names than ours.
local RENAMED = { dynamic_multimask_stability_delta = "stability_delta",
  dynamic_multimask_stability_thresh = "stability_thresh" }
local NETWORK = { binarize_mask_from_pts_for_mem_enc = true, non_overlap_masks_for_mem_enc = true }

---The network of a case with the settings of its predictor.
function M.build(report, case)
  local extra, predictor = {}, case.info.predictor_options
  if predictor then
    extra.dynamic_multimask_via_stability = false
    for key, value in pairs(predictor.sam_mask_decoder_extra_args or {}) do
      extra[RENAMED[key] or key] = value
    end
    for key in pairs(NETWORK) do extra[key] = predictor[key] end
  end
  return P.build(report, case, extra):eval()
end

local function exact(info)
  local set = {}
  for _, name in ipairs(info.exact or {}) do set[name] = { atol = 0, rtol = 0 } end
  return set
end

local function shape_text(x) return "[" .. table.concat(x.shape, ",") .. "]" end

-- A message when more than `flips` of the elements are beyond the limit.
local function compare(got, want, limit, flips)
  if shape_text(got) ~= shape_text(want) then
    return ("shape %s, want %s"):format(shape_text(got), shape_text(want))
  end
  if want.count == 0 then return nil end
  local a, b = got:to("f32"), want:to("f32")
  local difference = (a - b):abs()
  local inside = difference:le(b:abs() * limit.rtol + limit.atol)
  local out = want.count - inside:sum():item()
  if out <= flips * want.count then return nil end
  return ("%d of %d beyond the limit %g + %g |ref|, largest difference %.3g"):format(out,
    want.count, limit.atol, limit.rtol, difference:max():item())
end

-- In another type than f32 floating-point results are measured; lists of whole numbers are not.
local function judge(report, name, got, want, limit, flips)
  if precision.measures(report) and want.dtype == "f32" and shape_text(got) == shape_text(want) then
    precision.add(report, name, got, want)
    return nil
  end
  return ss.scoped(compare, got, want, limit, flips)
end

---Holds everything recorded (but inputs) against `got`; what was not produced is a failure.
---@param report table
---@param case table
---@param got table<string, semisam.tensor> in the recorded layout
---@param elsewhere table<string, boolean>? names that are checked in another way
---@param flips number? part of the elements of a tensor that may be beyond the limit
function M.check(report, case, got, elsewhere, flips)
  local info = case.info
  local precise, names = exact(info), {}
  for name in pairs(case.io) do
    if not name:find("^in/") and not name:find("/mask_in$") and not (elsewhere or {})[name] then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local limit = precise[name] or info.tolerances[name] or info.tolerances["*"]
      or { atol = 0, rtol = 0 }
    local why = "was not produced"
    if got[name] then why = judge(report, name, got[name], case.io[name], limit, flips or 0) end
    G.expect(report, not why, ("%s: %s"):format(name, tostring(why)))
  end
end

---Masks of 0 and 1 that may differ in a part of their elements.
function M.check_mask(report, name, got, want, flips)
  if precision.measures(report) then return precision.add(report, name, got, want) end
  local wrong = (got:to("f32") - want:to("f32")):abs():sum():item()
  G.expect(report, wrong <= flips * want.count, ("%s: %d of %d differ"):format(name, wrong,
    want.count))
end

return M
