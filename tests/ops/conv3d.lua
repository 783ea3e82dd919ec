local conv = require "tests.lib.convref"
local normal = require "tests.lib.normal"
local ss = require "semisam"
local t = require "tests.lib.t"
local wide = require "tests.lib.wide"

local REDUCED = os.getenv "SEMISAM_TEST" == "reduced" -- the sanitizers are slow
local SMALL = { { 2, 13, 14, 13, 8 }, { 16, 8, 3, 3, 3 }, { pad = { 0, 1, 2 } } }

-- y and the gradients of x, w and b, with extra output channels that are zero and left out again.
local function trained(x, w, b, dy, opts, extra)
  local leaves, all = {}, {}
  for i, v in ipairs { x, w, b } do leaves[i] = v:copy():requires_grad_(true) end
  for i = 2, 3 do
    local shape = { table.unpack(leaves[i].shape) }
    shape[1] = extra
    all[i] = extra > 0 and ss.cat({ leaves[i], ss.zeros(shape) }, 1) or leaves[i]
  end
  local y = leaves[1]:conv3d(all[2], all[3], opts)
  y = extra > 0 and y:slice(5, 1, dy.shape[5]) or y
  y:backward(dy)
  return { y:detach(), leaves[1].grad, leaves[2].grad, leaves[3].grad }
end

return {
  def = function(a)
    local y = conv.forward(a, 3)
    for i = 1, a.act == "gelu" and #y or 0 do y[i] = y[i] * normal(y[i]) end
    return y
  end,
  cases = {
    { x = "f32[2,3,4,5,3]", weight = "f32[4,3,3,3,3]", bias = "f32[4]", pad = 1 },
    { x = "f32[1,3,4,3,2]", weight = "f32[3,2,2,2,2]" },
    { x = "f32[1,5,4,5,1]", weight = "f32[8,1,3,3,3]", bias = "f32[8]", pad = 1 }, -- first layer
    { x = "f32[2,9,4,8,1]", weight = "f32[3,1,4,4,4]", bias = "f32[3]", stride = 4 }, -- patches
    { x = "f32[1,4,8,8,3]", weight = "f32[5,3,2,4,8]", stride = { 2, 4, 8 } },
    { x = "f32[1,5,5,6,16]", weight = "f32[16,16,3,3,3]", pad = 1, stride = 2 },
    { x = "f32[1,4,5,7,2]", weight = "f32[2,2,3,3,2]", stride = { 1, 2, 3 }, pad = { 0, 1, 1 } },
    { x = "f32[1,5,6,7,2]", weight = "f32[3,2,2,3,2]", dilation = { 2, 2, 3 }, pad = 1 },
    { x = "f32[1,3,4,4,4]", weight = "f32[6,2,3,3,3]", bias = "f32[6]", groups = 2, pad = 1 },
    { x = "f32[2,3,4,3,5]", weight = "f32[5,1,3,3,3]", bias = "f32[5]", groups = 5, pad = 1 }, -- depthwise
    { x = "f32[1,3,4,5,34]", weight = "f32[34,1,3,3,3]", groups = 34, pad = 1, stride = 2 },
    { x = "f32[2,2,3,9,18]", weight = "f32[18,1,3,3,3]", bias = "f32[18]", groups = 18, pad = 1 },
    { x = "f32[1,3,3,13,17]", weight = "f32[17,1,2,2,4]", groups = 17, pad = { 0, 1, 2 },
      dilation = { 1, 1, 2 } },
    { x = "f32[1,3,3,13,16]", weight = "f32[16,1,3,1,3]", groups = 16, pad = { 1, 0, 0 },
      stride = { 2, 1, 2 } },
    { x = "f32[2,4,9,13,20]", weight = "f32[20,1,3,3,3]", bias = "f32[20]", groups = 20, pad = 1,
      act = "gelu" },
    { x = "f32[1,7,6,9,16]", weight = "f32[16,1,3,5,3]", groups = 16, pad = { 1, 2, 1 }, stride = 2,
      act = "gelu" },
    { x = "f32[1,4,5,6,3]", weight = "f32[4,3,3,3,3]", bias = "f32[4]", pad = 1, act = "gelu" },
    { x = "f32[1,2,3,4,7]", weight = "f32[5,7,1,1,1]", bias = "f32[5]" }, -- pointwise
    { x = "f32[2,2,3,5,3]", weight = "f32[2,3,1,1,1]", stride = 2 },
    { x = "f32[0,3,3,3,2]", weight = "f32[3,2,3,3,3]", bias = "f32[3]", pad = 1 },
  },
  tol = 2e-6,
  more = {
    function() -- 3x3 kernels: odd sizes, rows of every length, channels that fill no vector, blocks
      for _, c in ipairs(REDUCED and { { { 1, 7, 13, 12, 9 }, { 20, 9, 3, 3, 3 }, { 1, 1, 1 } } } or {
        { { 2, 7, 13, 12, 9 }, { 20, 9, 3, 3, 3 }, { 1, 1, 1 } },
        { { 1, 5, 16, 15, 16 }, { 8, 16, 3, 3, 3 }, { 1, 1, 1 } },
        { { 1, 9, 17, 16, 8 }, { 16, 8, 2, 3, 3 }, { 1, 0, 2 } },
        { { 1, 51, 9, 8, 40 }, { 24, 40, 3, 3, 3 }, { 2, 1, 0 } },
        { { 2, 4, 14, 15, 12 }, { 72, 12, 1, 3, 3 }, { 0, 2, 1 } },
        { { 1, 10, 22, 20, 80 }, { 48, 80, 3, 3, 3 }, { 0, 1, 1 } },
        { { 1, 130, 4, 3, 72 }, { 36, 72, 3, 3, 3 }, { 1, 1, 1 } },
      }) do
        wide.check(c, function(x, w, b, pad) return x:conv3d(w, b, { pad = pad }) end,
          function(x) return x end)
      end
    end,
    function() -- few channels in many rows, which a GPU has kernels for: as with a channel more
      for i, c in ipairs(REDUCED and { SMALL } or {
        { { 1, 17, 17, 18, 16 }, { 8, 16, 3, 3, 3 }, { pad = 1 } },
        SMALL,
        { { 1, 18, 19, 35, 4 }, { 24, 4, 2, 3, 1 }, { pad = { 1, 1, 0 }, dilation = { 1, 2, 1 } } },
        { { 2, 26, 28, 25, 20 }, { 40, 20, 3, 1, 3 }, { pad = { 1, 0, 1 }, stride = { 2, 1, 2 } } },
        { { 1, 20, 16, 16, 64 }, { 64, 64, 1, 3, 2 }, { pad = { 0, 1, 1 } } },
      }) do
        local x, w, b = ss.normal(c[1], 1), ss.normal(c[2], 2), ss.normal({ c[2][1] }, 3)
        local dy = ss.normal(x:conv3d(w, b, c[3]).shape, 4)
        local got, want = trained(x, w, b, dy, c[3], 0), trained(x, w, b, dy, c[3], 1)
        for k = 1, 4 do
          local off, size = (got[k] - want[k]):abs():max():item(), want[k]:abs():max():item()
          t.ok(off <= 1e-5 * size, ("case %d, result %d is off by %g of %g"):format(i, k, off, size))
        end
      end
    end,
  },
  errors = {
    { { x = "f32[1,4,4,4,3]", weight = "f32[4,2,3,3,3]" },
      "2 channels.*got 3.*f32%[1,4,4,4,3%].*f32%[4,2,3,3,3%]" },
    { { x = "f32[1,2,2,2,2]", weight = "f32[4,2,3,3,3]" }, "kernel spans 3 positions along d" },
    { { x = "f32[4,4,4]", weight = "f32[4,2,3,3,3]" }, "x with 5 axes" },
    { { x = "f32[1,4,4,4,2]", weight = "f32[4,2,3,3,3]", bias = "f32[3]" }, "bias of 4 values" },
    { { x = "f32[1,4,4,4,6]", weight = "f32[4,2,3,3,3]", groups = 3 }, "divisible by 3 groups" },
    { { x = "f32[1,4,4,4,2]", weight = "f32[4,2,3,3,3]", stride = 0 }, "stride 0" },
  },
}
