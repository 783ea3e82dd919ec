local ref = require "tests.lib.ref"

return {
  def = function(a) return ref.new({ a.n }, function(i) return a.start + (i - 1) * a.step end) end,
  cases = {
    { n = 5 }, { n = 0 }, { n = 700, start = -2, step = 0.25 },
    { n = 4, start = 10, step = -3, dtype = "i64" },
    { n = 4, dtype = "u8" },
  },
  errors = { { { n = -1 }, "n must be 0 or more, not %-1" } },
}
