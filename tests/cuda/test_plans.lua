-- NVIDIA's own libraries take what the module asks of them: see plans.sh.
local t = require "tests.lib.t"
local run = require "tests.lib.run"
local module = require "tests.cuda.module"

t.test("cuDNN plans every convolution of the recipes, cuBLASLt takes the products", function()
  local r = run.shell("bash tests/cuda/plans.sh " .. run.quote(module.folder), { limit = 500 })
  print((r.out:gsub("^# [^\n]*\n", ""):gsub("\n# [^\n]*", "")))
  t.eq({ r.status, r.err }, { 0, "" })
  if r.out:find "^skip " then t.skip(r.out:match "^skip ([^\n]*)") end
  t.match(r.out, "\n%d+ passed, 0 failed\n$")
end)

t.done()
