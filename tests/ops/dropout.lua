local t = require "tests.lib.t"
local ss = require "semisam"

return {
  -- Every element is 0 or x / (1 - p), about p of them 0.
  check = function(results, a)
    local y, zeros = results[1], 0
    for i = 1, #y do
      if y[i] == 0 then
        zeros = zeros + 1
      else
        t.near(y[i], a.x[i] / (1 - a.p), 1e-5 * math.abs(a.x[i] / (1 - a.p)))
      end
    end
    local n = a.channels and a.x.shape[1] * a.x.shape[#a.x.shape] or #y
    local share = a.channels and zeros / #y * n or zeros
    t.ok(math.abs(share - n * a.p) <= 4 * math.sqrt(n * a.p * (1 - a.p)), "share of zeros")
  end,
  cases = {
    { x = "f32[20,30]", p = 0.3, key = 5 },
    { x = "f32[9,8,70]", p = 0.5, key = -7, channels = true },
    { x = "f32[3]", p = 0, key = 1 }, { x = "f32[3,2]", p = 1, key = 1 },
    { x = "f32[0,2]", p = 0.5, key = 1 },
  },
  errors = {
    { { x = "f32[2]", p = 1.5, key = 1 }, "%[0, 1%], got 1.5" },
    { { x = "f32[2]", p = 0.5, key = 1, channels = true }, "%[n, %.%.%., c%]" },
  },
  more = {
    function() -- the gradient has the mask of the forward pass; another key, another mask
      for _, channels in ipairs { false, true } do
        local x = ss.ones({ 4, 5, 64 }):requires_grad_(true)
        local y = x:dropout(0.4, 11, channels)
        y:sum():backward()
        t.eq(x.grad:flat(), y:flat())
        t.ne(x:dropout(0.4, 12, channels):flat(), y:flat())
      end
    end,
    function() -- element i goes when number i of the key's stream is below p
      local y = ss.ones({ 333 }):dropout(0.4, 77):flat()
      for i, u in ipairs(ss.uniform({ 333 }, { key = 77 }):flat()) do t.eq(y[i] == 0, u < 0.4) end
    end,
    function() -- whole channels go
      local y = ss.ones({ 2, 6, 8 }):dropout(0.5, 3, true)
      for n = 1, 2 do
        for c = 1, 8 do
          local column = y:select(1, n):select(2, c):flat()
          for _, v in ipairs(column) do t.eq(v, column[1]) end
        end
      end
    end,
  },
}
