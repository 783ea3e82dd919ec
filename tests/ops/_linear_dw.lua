local ss = require "semisam"
local ref = require "tests.lib.ref"

return {
  def = function(a)
    local o, k = a.dy.shape[#a.dy.shape], a.x.shape[#a.x.shape]
    local dw, db = ref.new { o, k }, ref.new { a.bias and o or 0 }
    for r = 0, #a.dy // math.max(o, 1) - 1 do
      for i = 1, o do
        local d = a.dy[r * o + i]
        if a.bias then db[i] = db[i] + d end
        for j = 1, k do dw[(i - 1) * k + j] = dw[(i - 1) * k + j] + d * a.x[r * k + j] end
      end
    end
    return dw, db
  end,
  cases = {
    { x = "f32[6,5]", dy = "f32[6,3]", bias = true },
    { x = "f32[2,9,4]", dy = "f32[2,9,17]" },
    { x = "f32[0,4]", dy = "f32[0,2]", bias = true },
  },
  more = {
    function() -- rows of x that are whole pages apart: as those of its halves, which are not
      local rows, out, half = 256, 128, 1536
      local x, dy = ss.normal({ rows, 2 * half }, 1), ss.normal({ rows, out }, 2)
      local whole = ss._ops._linear_dw(x, dy, { bias = false })
      for part = 0, 1 do
        local from = part * half
        local dw = ss._ops._linear_dw(x:slice(2, from + 1, from + half):copy(), dy,
          { bias = false })
        local off = (whole:slice(2, from + 1, from + half) - dw):abs():max():item()
        assert(off < 2e-4, ("half %d is off by %g"):format(part + 1, off))
      end
    end,
  },
  grad = false,
  errors = { { { x = "f32[6,5]", dy = "f32[5,3]" }, "f32%[6,5%].*f32%[5,3%]" } },
}
