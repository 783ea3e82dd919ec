local conv = require "tests.lib.convref"
local ss = require "semisam"
local twice = require "tests.lib.twice"
local wide = require "tests.lib.wide"

local REDUCED = os.getenv "SEMISAM_TEST" == "reduced" -- the sanitizers are slow

return {
  def = function(a)
    return conv.forward({ x = twice.large(a.x), weight = a.weight, bias = a.bias, pad = a.pad or 1 }, 3)
  end,
  cases = {
    { x = "f32[2,3,2,4,5]", weight = "f32[4,5,3,3,3]", bias = "f32[4]" },
    { x = "f32[1,3,4,3,2]", weight = "f32[3,2,2,1,3]", pad = { 0, 1, 2 } },
  },
  tol = 2e-6,
  more = {
    function() -- the nine terms: blocks, rows of every length, channels that fill no vector
      for _, c in ipairs(REDUCED and { { { 1, 7, 7, 6, 9 }, { 20, 9, 3, 3, 3 }, { 1, 1, 1 } } } or {
        { { 2, 7, 7, 6, 9 }, { 20, 9, 3, 3, 3 }, { 1, 1, 1 } },
        { { 1, 5, 8, 9, 16 }, { 8, 16, 3, 3, 3 }, { 1, 1, 1 } },
        { { 1, 9, 9, 8, 8 }, { 16, 8, 2, 3, 3 }, { 1, 1, 1 } },
        { { 1, 51, 5, 4, 40 }, { 24, 40, 3, 3, 3 }, { 2, 1, 1 } },
        { { 1, 10, 11, 10, 80 }, { 48, 80, 3, 3, 3 }, { 0, 1, 1 } },
      }) do
        wide.check(c, function(x, w, b, pad) return ss._ops._twice_conv3d(x, w, b, pad) end,
          function(x) return x:resize({ x:size(2), 2 * x:size(3), 2 * x:size(4) }, { mode = "nearest" }) end)
      end
    end,
  },
  errors = {
    { { x = "f32[1,4,4,4,3]", weight = "f32[4,2,3,3,3]" }, "2 channels.*got 3" },
    { { x = "f32[4,4,4]", weight = "f32[4,2,3,3,3]" }, "x with 5 axes" },
    { { x = "f32[1,1,1,1,2]", weight = "f32[4,2,5,3,3]" }, "kernel spans 5 positions along d" },
  },
}
