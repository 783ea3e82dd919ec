local ref = require "tests.lib.ref"

return {
  def = function(a)
    local s = 0
    for i = 1, #a.x do s = s + a.x[i] ^ 2 end
    return ref.new({}, function() return s end)
  end,
  cases = { { x = "f32[2,3]" }, { x = "f32[9001]" }, { x = "f32[]" }, { x = "f32[0]" } },
}
