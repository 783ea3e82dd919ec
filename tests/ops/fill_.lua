local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.x, function()
      if a.x.dtype == "bool" then return a.value ~= 0 and 1 or 0 end
      if a.x.dtype == "u8" then return math.min(255, math.max(0, math.floor(a.value + 0.5))) end
      return a.x.dtype == "f32" and a.value or math.floor(a.value + 0.5)
    end)
  end,
  cases = {
    { x = "f32[2,3]", value = 0.5 }, { x = "f32[]", value = -3 }, { x = "f32[0]", value = 1 },
    { x = "f32[5000]", value = 0.25 }, { x = "i32[4]", value = 2.7 }, { x = "i64[4]", value = -8 },
    { x = "u8[4]", value = 300 }, { x = "bool[4]", value = 0.25 },
  },
  more = {
    function()
      local ss = require "semisam"
      local x = ss.zeros { 2, 3 }
      x:select(2, 2):fill_(4)
      assert(table.concat(x:flat(), " ") == "0.0 4.0 0.0 0.0 4.0 0.0")
    end,
  },
}
