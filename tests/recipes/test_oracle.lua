-- recipes/generalist_alone.lua: the generalists on the test cases, prompted from the truth.
local t = require "tests.lib.t"
local ss = require "semisam"
local tiny = require "tests.lib.tiny"
local train = require "semisam.train"

local function run(dir, out, more)
  local words = { "quiet=true" }
  table.move(more or {}, 1, #(more or {}), 2, words)
  return train.run(require "recipes.generalist_alone", tiny.words(dir, out, words))
end

local function summary(dir) return ss.json.decode(ss.fs.read(dir .. "/test/summary.json")) end

t.test("answers are evaluated like those of a run; the prompt is the truth", function()
  local dir = t.tmpdir()
  t.eq(run(dir, "a", { "pseudo.n=1" }), 0)
  local s = summary(dir .. "/a")
  t.eq(#s.metric_per_case, 2)
  t.match(s.metric_per_case[1].reference_file, "labelsTs")
  t.match(ss.fs.read(dir .. "/a/recipe.lua"), 'name = "generalist_alone"')
  -- a generalist that answers the mask it is asked with has the truth
  local prompt_unet = require "semisam.models.frame"
  local real = prompt_unet.new
  prompt_unet.new = function(...) -- luacheck: ignore
    local teacher = real(...)
    return { says = function() return teacher:says() end, encode = function(_, x) return x end,
      decode = function(_, _, prompt) return prompt.mask end }
  end
  local ok, why = pcall(run, dir, "b", { "pseudo.n=2", "pseudo.queue={mask}" })
  prompt_unet.new = real -- luacheck: ignore
  t.ok(ok, tostring(why))
  t.eq(summary(dir .. "/b").foreground_mean.Dice, 1.0)
  t.raises(function() run(dir, "b") end, "holds a run already")
  t.raises(function() run(dir, "c", { "data.phantoms.test=0", "data.n_test=0" }) end, "no test case")
end)

t.done()
