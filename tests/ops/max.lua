local fold = require "tests.lib.fold"

return {
  def = function(a)
    return fold(a.x, a.dims, a.keepdim, function(list)
      local best = list[1]
      for _, v in ipairs(list) do
        if v > best or v ~= v then best = v end
      end
      return best
    end)
  end,
  cases = {
    { x = "f32[2,3,4]" }, { x = "f32[2,3,4]", dims = { 2 } },
    { x = "f32[2,3,4]", dims = { 1, 3 }, keepdim = true },
    { x = "f32[2,3,4]", dims = { 3 } }, { x = "f32[2,3,4]", dims = { 1, 2 } }, { x = "f32[]" },
    { x = "f32[70,3]", dims = { 2 } }, { x = "f32[900,3]", dims = { 1 } },
    { x = "f32[3,2000]", dims = { 2 }, keepdim = true },
    { x = "f32[4,1500]", dims = { 1 } }, { x = "f32[9000]" },
    { x = "i32[9000]" }, { x = "f32[0,3]", dims = { 2 } },
    { x = "i32[3,4]", dims = { 1 } }, { x = "u8[50]" }, { x = "i64[6,7]", dims = { 2 } }, { x = "bool[4]" },
    { x = "f32[2,0]", dims = { 1 } },
  },
  errors = {
    { { x = "f32[0]" }, "nothing to choose from" },
    { { x = "f32[2,3]", dims = { 1, 1 } }, "axis 1 twice" },
  },
  more = {
    function() -- NaN wins; the gradient goes to the first of equals
      local ss = require "semisam"
      local x = ss.tensor { { 1, 0 / 0, 3 }, { 2, 2, 2 } }
      local y = x:max { dims = { 2 } }
      assert(y:flat()[1] ~= y:flat()[1] and y:flat()[2] == 2)
      x:requires_grad_(true):max({ dims = { 2 } }):sum():backward()
      assert(table.concat(x.grad:flat(), " ") == "0.0 1.0 0.0 1.0 0.0 0.0")
    end,
  },
}
