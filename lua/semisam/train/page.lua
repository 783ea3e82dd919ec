-- page.lua — report.html: one file that needs nothing else, for a desk, a phone and the dark.
local svg = require "semisam.draw.svg"

local page = {}

local STYLE = [[
:root{color-scheme:light dark;--page:#fff;--card:#f7f8fa;--ink:#1f2430;--faint:#6b7280;
--grid:#e2e5ea;--c1:#0072b2;--c2:#d55e00;--c3:#009e73;--c4:#b65c94;--c5:#c98600;--c6:#2b93c9;
--c7:#6f6f6f}
@media(prefers-color-scheme:dark){:root{--page:#14161a;--card:#1d2026;--ink:#e6e8ec;
--faint:#9aa1ad;--grid:#333842;--c1:#5cb3e8;--c2:#ff8a3d;--c3:#3ecf9f;--c4:#e79cc6;--c5:#f0b840;
--c6:#8cd3f7;--c7:#b4b4b4}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:1500px;background:var(--page);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
h1{font-size:1.35rem;margin:.2rem 0}h2{font-size:1.05rem;margin:1.6rem 0 .6rem}
p{margin:.3rem 0}.faint{color:var(--faint)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:.6rem;
margin:.8rem 0}
.facts div{background:var(--card);border-radius:8px;padding:.5rem .7rem}
.facts b{display:block;font-size:1.15rem;font-variant-numeric:tabular-nums}
.bar{height:6px;border-radius:3px;background:var(--grid);overflow:hidden}
.bar i{display:block;height:100%;background:var(--c3)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));gap:.8rem}
figure{margin:0;background:var(--card);border-radius:8px;padding:.6rem .6rem .3rem}
figcaption{display:flex;flex-wrap:wrap;gap:.1rem .8rem;align-items:baseline;font-size:.85rem;
min-height:2.7em;align-content:flex-start}
figcaption strong{flex-basis:100%;font-size:.95rem}
.key i{display:inline-block;width:1.1em;height:3px;margin-right:.35em;vertical-align:middle}
.key b{font-weight:600;font-variant-numeric:tabular-nums}
svg{display:block;width:100%;height:auto}
svg text{font-size:12px;fill:var(--faint)}
svg path{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
svg .dash{stroke-dasharray:5 4}
svg .grid{stroke:var(--grid)}svg .mark{stroke:var(--faint);stroke-dasharray:2 3}
.slices{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,620px),1fr));gap:.8rem}
.slices img{display:block;width:100%;height:auto;border-radius:4px}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:.3rem .7rem;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th:first-child,td:first-child{text-align:left}
details{background:var(--card);border-radius:8px;padding:.6rem .8rem}
summary{cursor:pointer}
pre{overflow-x:auto;font:13px/1.4 ui-monospace,"DejaVu Sans Mono",monospace;margin:.6rem 0 0}
.stopped{color:var(--c2);font-weight:600}
]]

local function color_rules()
  local out = {}
  for i = 1, 7 do
    out[i] = ("svg path.c%d{stroke:var(--c%d)}svg circle.c%d,.key i.c%d{fill:var(--c%d);"
      .. "background:var(--c%d)}"):format(i, i, i, i, i, i)
  end
  return table.concat(out, "\n")
end

--- A table from a head and rows of cells; numbers with four digits.
---@param head string[]
---@param rows table[]
function page.table(head, rows)
  local function line(cells, tag)
    local out = {}
    for i, cell in ipairs(cells) do
      local text = math.type(cell) == "float" and ("%.4f"):format(cell) or cell
      out[i] = ("<%s>%s</%s>"):format(tag, svg.escape(text), tag)
    end
    return "<tr>" .. table.concat(out) .. "</tr>"
  end
  local lines = { line(head, "th") }
  for _, row in ipairs(rows) do lines[#lines + 1] = line(row, "td") end
  return '<div class="wide"><table>' .. table.concat(lines, "\n") .. "</table></div>"
end

--- Facts as tiles: { { "step", "12 / 40" }, ... }.
function page.facts(list)
  local out = {}
  for i, f in ipairs(list) do
    out[i] = ('<div><span class="faint">%s</span><b>%s</b></div>'):format(svg.escape(f[1]),
      svg.escape(f[2]))
  end
  return '<div class="facts">' .. table.concat(out) .. "</div>"
end

--- A heading and what stands under it, in a box of a class; "" when there is nothing.
function page.section(title, class, parts)
  if #parts == 0 then return "" end
  return ("<h2>%s</h2>\n<div class=\"%s\">\n%s\n</div>"):format(svg.escape(title), class,
    table.concat(parts, "\n"))
end

--- The whole page. `refresh`: seconds after which a browser loads it again.
---@param title string
---@param body string
---@param refresh integer?
function page.html(title, body, refresh)
  return table.concat {
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n",
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
    refresh and ('<meta http-equiv="refresh" content="%d">\n'):format(refresh) or "",
    ("<title>%s</title>\n<style>\n%s%s\n</style></head>\n<body>\n"):format(svg.escape(title), STYLE,
      color_rules()),
    body, "\n</body></html>\n",
  }
end

return page
