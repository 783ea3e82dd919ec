local ref = require "tests.lib.ref"

return {
  -- Without positions and padding: with P = exp(S - lse) and D = sum dy out, dS = P (dy v - D).
  -- The other forms are held against attention's definition in its own test.
  def = function(a)
    local N, tq, H, E = table.unpack(a.q.shape)
    local tk, scale = a.k.shape[2], a.scale or 1 / math.sqrt(E)
    local dq, dk, dv = ref.like(a.q), ref.like(a.k), ref.like(a.v)
    local db = a.wanted == 8 and ref.like(a.bias) or ref.new { 0 }
    for n = 1, N do
      for h = 1, H do
        for i = 1, tq do
          for j = 1, tk do
            local s, g = 0, 0
            for e = 1, E do
              s = s + scale * ref.get(a.q, n, i, h, e) * ref.get(a.k, n, j, h, e)
              g = g + ref.get(a.dy, n, i, h, e) * (ref.get(a.v, n, j, h, e) - ref.get(a.out, n, i, h, e))
            end
            local at = a.bias and ref.index(a.bias, n, 1, i, j)
            local p = math.exp(s + (at and a.bias[at] or 0) - ref.get(a.lse, n, h, i))
            if a.wanted == 8 then db[at] = db[at] + p * g end
            for e = 1, E do
              local q, k = ref.index(a.q, n, i, h, e), ref.index(a.k, n, j, h, e)
              dq[q] = dq[q] + scale * p * g * a.k[k]
              dk[k] = dk[k] + scale * p * g * a.q[q]
              dv[k] = dv[k] + p * a.dy[q]
            end
          end
        end
      end
    end
    if a.wanted == 8 then db.shape = { #db } end
    return dq, dk, dv, db
  end,
  cases = {
    { q = "f32[2,3,2,4]", k = "f32[2,5,2,4]", v = "f32[2,5,2,4]", out = "f32[2,3,2,4]", lse = "f32[2,2,3]",
      dy = "f32[2,3,2,4]" },
    { q = "f32[2,3,2,4]", k = "f32[2,5,2,4]", v = "f32[2,5,2,4]", out = "f32[2,3,2,4]", lse = "f32[2,2,3]",
      dy = "f32[2,3,2,4]", bias = "f32[2,1,3,5]", wanted = 8, scale = 0.5 },
  },
  half = 6e-2,
}
