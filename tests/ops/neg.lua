local ref = require "tests.lib.ref"

return {
  def = function(a)
    return ref.like(a.x, function(i)
      local x = a.x[i]
      return -x
    end)
  end,
  cases = {
    { x = "f32[2,3,4]" },
    { x = "f32[]" },
    { x = "f32[0,3]" },
    { x = "f32[3000]" },
    { x = "i32[2,5]" },
    { x = "i64[4]" },
  },
  errors = { { { x = "bool[2]" }, "number type" } },
}
