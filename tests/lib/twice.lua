-- twice.lua — arrays [n, d, h, w, c] with rows and columns repeated, and back, for the definitions of
-- the _twice_conv3d ops.
local ref = require "tests.lib.ref"

local twice = {}

-- Calls fn(place in the large array, place in the small one).
local function each(n, d, h, w, c, fn)
  for i = 0, n * d - 1 do
    for y = 0, 2 * h - 1 do
      for x = 0, 2 * w - 1 do
        for k = 1, c do
          fn(((i * 2 * h + y) * 2 * w + x) * c + k, ((i * h + y // 2) * w + x // 2) * c + k)
        end
      end
    end
  end
end

---Every row and column of x twice.
function twice.large(x)
  local n, d, h, w, c = table.unpack(x.shape)
  local y = ref.new { n, d, 2 * h, 2 * w, c }
  each(n, d, h, w, c, function(to, from) y[to] = x[from] end)
  return y
end

---Sums of what stands for one element of the small array.
function twice.sums(y)
  local n, d, h, w, c = table.unpack(y.shape)
  local x = ref.new { n, d, h // 2, w // 2, c }
  each(n, d, h // 2, w // 2, c, function(from, to) x[to] = x[to] + y[from] end)
  return x
end

return twice
