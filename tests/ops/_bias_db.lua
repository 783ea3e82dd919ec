local ref = require "tests.lib.ref"

return {
  def = function(a)
    local n = a.dy.shape[#a.dy.shape]
    local db = ref.new { n }
    for i = 1, #a.dy do db[(i - 1) % n + 1] = db[(i - 1) % n + 1] + a.dy[i] end
    return db
  end,
  cases = { { dy = "f32[6,3]" }, { dy = "f32[2,3,4,5]" }, { dy = "f32[0,4]" }, { dy = "f32[20000,3]" } },
  grad = false,
}
