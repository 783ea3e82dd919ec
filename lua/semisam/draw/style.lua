-- Colours and option checks shared by the pictures.
local spell = require "semisam.spell"

local style = {}

style.page = "#ffffff"
style.ink = "#1f2430"
style.faint = "#6b7280"
style.grid = "#e5e7eb"

-- For curves: told apart also by those who see few colours (after Okabe and Ito).
style.curves = { "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f" }

-- For labels on grey: truth in greens and blues, prediction in reds and yellows.
style.truth = { "#35e07a", "#3fd0ff", "#b9a6ff", "#ffffff" }
style.prediction = { "#ff4d5e", "#ffb000", "#ff8ad8", "#ffff66" }

---Refuses options that are not in `known`, with the nearest name.
---@param what string
---@param options table?
---@param known table name to true
---@return table
function style.options(what, options, known)
  for key in pairs(options or {}) do
    if not known[key] then
      error(("%s: unknown option '%s'%s"):format(what, tostring(key),
        spell.hint(tostring(key), spell.keys(known))), 3)
    end
  end
  return options or {}
end

return style
