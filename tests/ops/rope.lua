local ref = require "tests.lib.ref"

return {
  def = function(a)
    local t, heads, e = a.x.shape[2], a.x.shape[3], a.x.shape[4]
    local rows, sign = a.cos.shape[1], a.inverse and -1 or 1
    return ref.like(a.x, function(i)
      local j, token = (i - 1) % e, (i - 1) // (e * heads) % t
      if token >= (a.tokens or t) then return a.x[i] end
      local at = token % rows * (e // 2) + j // 2 + 1
      local c, s = a.cos[at], sign * a.sin[at]
      if j % 2 == 0 then return a.x[i] * c - a.x[i + 1] * s end
      return a.x[i - 1] * s + a.x[i] * c
    end)
  end,
  grad = { "x" },
  cases = {
    { x = "f32[2,6,2,8]", cos = "f32[6,4]", sin = "f32[6,4]" },
    { x = "f32[1,7,1,4]", cos = "f32[3,2]", sin = "f32[3,2]", tokens = 6 },
    { x = "f32[1,5,3,2]", cos = "f32[2,1]", sin = "f32[2,1]", tokens = 0 },
    { x = "f32[2,4,1,6]", cos = "f32[4,3]", sin = "f32[4,3]", inverse = true },
    { x = "f32[0,4,1,6]", cos = "f32[4,3]", sin = "f32[4,3]" },
  },
  errors = {
    { { x = "f32[2,4,6]", cos = "f32[4,3]", sin = "f32[4,3]" }, "%[n, tokens, heads, e%]" },
    { { x = "f32[1,4,1,5]", cos = "f32[4,2]", sin = "f32[4,2]" }, "e even" },
    { { x = "f32[1,4,1,6]", cos = "f32[4,3]", sin = "f32[4,2]" }, "cos and sin must be %[rows, 3%]" },
    { { x = "f32[1,4,1,6]", cos = "f32[0,3]", sin = "f32[0,3]" }, "no rows" },
    { { x = "f32[1,4,1,6]", cos = "f32[4,3]", sin = "f32[4,3]", tokens = 5 }, "0 to 4, got 5" },
  },
}
