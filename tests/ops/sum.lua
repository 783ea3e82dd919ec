local fold = require "tests.lib.fold"

return {
  def = function(a)
    return fold(a.x, a.dims, a.keepdim, function(list)
      local s = 0
      for _, v in ipairs(list) do s = s + v end
      return s
    end)
  end,
  cases = {
    { x = "f32[2,3,4]" }, { x = "f32[2,3,4]", dims = { 2 } },
    { x = "f32[2,3,4]", dims = { 1, 3 }, keepdim = true },
    { x = "f32[2,3,4]", dims = { 3 } }, { x = "f32[2,3,4]", dims = { 1, 2 } }, { x = "f32[]" },
    { x = "f32[70,3]", dims = { 2 } }, { x = "f32[900,3]", dims = { 1 } },
    { x = "f32[3,2000]", dims = { 2 }, keepdim = true },
    { x = "f32[4,1500]", dims = { 1 } }, { x = "f32[9000]" }, { x = "f32[0,3]", dims = { 2 } },
    { x = "f32[0,3]", dims = { 1 } }, { x = "i32[3,4]", dims = { 1 } }, { x = "bool[5000]" },
    { x = "u8[3,4]" },
    { x = "f32[2,3]", dims = {} },
  },
  errors = {
    { { x = "f32[2,3]", dims = { 1, 1 } }, "axis 1 twice" },
    { { x = "f32[2]", dims = { 2 } }, "sum" },
  },
  more = {
    function() -- more folds than a device has blocks at a time
      local ss = require "semisam"
      for _, size in ipairs { { 1500, 90 }, { 100, 4200 } } do -- the second: each in two pieces
        local rows, n = size[1], size[2]
        local x = ss.arange(rows * n, { dtype = "i64" }):reshape(size)
        local y = x:sum({ dims = { 2 } }):flat()
        for r = 0, rows - 1 do assert(y[r + 1] == n * n * r + n * (n - 1) // 2) end
      end
    end,
  },
}
