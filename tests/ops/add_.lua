local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.x, function(i)
      return a.x[i] + a.alpha * a.y[ref.broadcast(a.y, ref.where(a.x, i))]
    end)
  end,
  cases = {
    { x = "f32[2,3,4]", y = "f32[2,3,4]" }, { x = "f32[2,3,4]", y = "f32[4]", alpha = -0.5 },
    { x = "f32[]", y = "f32[]", alpha = 2 }, { x = "f32[0,3]", y = "f32[3]" },
    { x = "f32[3000]", y = "f32[3000]" },
  },
  errors = { { { x = "f32[2]", y = "f32[3]" }, "does not broadcast.*f32%[2%].*f32%[3%]" } },
  more = {
    function() -- a strided target, another type, itself
      local ss = require "semisam"
      local x = ss.zeros { 2, 3 }
      x:select(2, 3):add_(ss.tensor({ 1, 2 }):to "bf16", 2)
      assert(table.concat(x:flat(), " ") == "0.0 0.0 2.0 0.0 0.0 4.0")
      x:add_(x)
      assert(x:flat()[6] == 8)
    end,
  },
}
