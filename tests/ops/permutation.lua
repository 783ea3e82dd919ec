local ref = require "tests.lib.ref"
local rng = require "semisam.rng"

local function below(key, i, n)
  local reject, t = (1 << 32) % n, 0
  while true do
    local u = ({ rng.block(key, i // 4, t) })[i % 4 + 1]
    if u >= reject then return u % n end
    t = t + 1
  end
end

return {
  def = function(a)
    local y = ref.new({ a.n }, function(i) return i - 1 end)
    for i = a.n - 1, 1, -1 do
      local j = below(a.key, i, i + 1)
      y[i + 1], y[j + 1] = y[j + 1], y[i + 1]
    end
    return y
  end,
  cases = {
    { n = 10, key = 3 }, { n = 1000, key = -5 }, { n = 5000, key = 2 }, { n = 1, key = 0 },
    { n = 0, key = 0 },
  },
  tol = 0,
  grad = false,
  errors = { { { n = -1, key = 1 }, "n must be in.*%-1" } },
}
