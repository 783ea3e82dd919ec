local ss = require "semisam"

-- Times are no function of the arguments: checked are their number and that they are times.
local function check(outs, a)
  assert(#outs[1] == a.repeats, "one time per repeat")
  for i = 1, #outs[1] do assert(outs[1][i] > 0 and outs[1][i] < 60, "seconds: " .. outs[1][i]) end
end

return {
  check = check,
  cases = {
    { what = "copy", size = { 100000 }, repeats = 3 },
    { what = "matmul", size = { 64, 32, 48, 0, 1, 0 }, type = "bf16" },
    { what = "matmul", size = { 64, 32, 48, 1, 0, 1 }, repeats = 2 },
    { what = "conv", size = { 1, 5, 6, 7, 16, 16, 3 } },
    { what = "conv_dx", size = { 1, 5, 6, 7, 16, 16, 3 } },
    { what = "conv_dw", size = { 1, 5, 6, 7, 16, 16, 3 }, type = "bf16" },
  },
  more = {
    function() -- the tile unit, or the reason why not
      for loads = 0, 1 do
        local ok, seconds = pcall(ss._ops._bare, "tiles", { 1000, loads }, "bf16", 2)
        if ok then
          check({ seconds:flat() }, { repeats = 2 })
        else
          assert(seconds:find "tile unit %(AMX%)", seconds)
          print("skip _bare tiles: " .. seconds)
        end
      end
    end,
  },
  thread_tol = math.huge,
  errors = {
    { { what = "conv", size = { 1, 2, 3 } }, "7 sizes for conv, got 3" },
    { { what = "copy", size = { 0 } }, "positive sizes, got 0" },
    { { what = "copy", size = { 8 }, type = "i32" }, "f32 or bf16, got i32" },
    { { what = "copy", size = { 8 }, repeats = 0 }, "1 to 1000 repeats" },
  },
}
