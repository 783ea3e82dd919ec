-- semisam ops: every operation, where it runs and whether it has a gradient.
local fail = require "semisam.fail"
local spell = require "semisam.spell"
local ss = require "semisam"

local FORMAT = "%-22s %-5s %-5s %-5s %-9s %s"

local function notes(op)
  if op.inplace then return "in place" end
  if op.view then return "view" end
  return ""
end

-- A build without the CUDA module runs nothing but views there.
local function module_note()
  local cuda = ss.cuda()
  return cuda.build and "" or (" (%s)"):format(cuda.why)
end

return {
  summary = "list the operations: devices, gradients, signatures",
  positional = { "word" },
  options = {
    word = { "string", doc = "only operations whose name or description has this word" },
    internal = { "boolean", doc = "also those the library keeps for itself" },
  },
  run = function(o)
    local names, lines, on_cuda = {}, {}, 0
    for _, op in ipairs(ss.ops()) do
      names[#names + 1] = op.name
      local text = (op.name .. " " .. op.doc):lower()
      local wanted = not o.word or text:find(o.word:lower(), 1, true)
      if wanted and (o.internal or not op.internal) then
        if op.cuda then on_cuda = on_cuda + 1 end
        lines[#lines + 1] = FORMAT:format(op.name, "yes", op.cuda and "yes" or "-",
          op.differentiable and "yes" or "-", notes(op), op.sig)
      end
    end
    if #lines == 0 then
      fail.plain("ops: no operation mentions '%s'%s", o.word, spell.hint(o.word, names))
    end
    print(FORMAT:format("operation", "cpu", "cuda", "grad", "", "arguments"))
    print(table.concat(lines, "\n"))
    print(("%d operations, %d on cuda%s"):format(#lines, on_cuda, module_note()))
  end,
}
