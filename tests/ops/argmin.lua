local fold = require "tests.lib.fold"

return {
  def = function(a)
    return fold(a.x, { a.dim }, a.keepdim, function(list)
      local at = 1
      for i, v in ipairs(list) do
        if v < list[at] then at = i end
      end
      return at - 1
    end)
  end,
  cases = {
    { x = "f32[2,3,4]", dim = 2 }, { x = "f32[2,3,4]", dim = 3, keepdim = true },
    { x = "f32[2,3,4]", dim = 1 },
    { x = "f32[700,3]", dim = 2 }, { x = "f32[3,700]", dim = 1 }, { x = "f32[5000]", dim = 1 },
    { x = "i64[5000]", dim = 1 },
    { x = "i32[6,5]", dim = 1 },
    { x = "u8[6,5]", dim = 2 }, { x = "i64[6,50]", dim = 1 }, { x = "f32[0,3]", dim = 2 },
    { x = "f32[3,0]", dim = 1 },
  },
  errors = { { { x = "f32[2,0]", dim = 2 }, "nothing to choose from: axis 2" } },
  more = {
    function() -- the first NaN wins
      local ss = require "semisam"
      local x = ss.tensor { 1, 0 / 0, 9, 0 / 0, -9 }
      assert(x:argmin({ dim = 1 }):item() == 1)
    end,
  },
}
