local ref = require "tests.lib.ref"

return {
  def = function(a)
    local p, q = a.a, a.b
    local np, nq = #p.shape, #q.shape
    local m, k = p.shape[np - 1], p.shape[np]
    local n = q.shape[nq]
    if a.transpose_a then m, k = k, m end
    if a.transpose_b then n = q.shape[nq - 1] end
    local pl, ql = { table.unpack(p.shape, 1, np - 2) }, { table.unpack(q.shape, 1, nq - 2) }
    local lead = ref.broadcast_shape(pl, ql)
    local shape = { table.unpack(lead) }
    shape[#shape + 1] = m
    shape[#shape + 1] = n
    local lead_array, pa, qa = { shape = lead }, { shape = pl }, { shape = ql }
    return ref.new(shape, function(i)
      local b, r, c = (i - 1) // (m * n), (i - 1) // n % m, (i - 1) % n
      local at = ref.where(lead_array, b + 1)
      local pb, qb = (ref.broadcast(pa, at) - 1) * m * k, (ref.broadcast(qa, at) - 1) * k * n
      local sum = 0
      for j = 0, k - 1 do
        local x = p[pb + (a.transpose_a and j * m + r or r * k + j) + 1]
        sum = sum + x * q[qb + (a.transpose_b and c * k + j or j * n + c) + 1]
      end
      return sum
    end)
  end,
  cases = {
    { a = "f32[3,5]", b = "f32[5,4]" },
    { a = "f32[5,3]", b = "f32[5,4]", transpose_a = true },
    { a = "f32[3,5]", b = "f32[4,5]", transpose_b = true },
    { a = "f32[5,3]", b = "f32[4,5]", transpose_a = true, transpose_b = true },
    { a = "f32[2,3,17]", b = "f32[2,17,19]" },
    { a = "f32[2,3,4,5]", b = "f32[2,3,6,5]", transpose_b = true },
    { a = "f32[2,3,4,5]", b = "f32[5,6]" }, -- one b
    { a = "f32[4,5]", b = "f32[3,5,2]" }, -- one a
    { a = "f32[5,4]", b = "f32[3,5,2]", transpose_a = true },
    { a = "f32[2,5,4]", b = "f32[5,3]", transpose_a = true },
    { a = "f32[2,1,3,4]", b = "f32[1,5,4,2]" }, -- both broadcast
    { a = "f32[2,3,1,2,4]", b = "f32[2,1,2,4,3]" },
    { a = "f32[2,3,4]", b = "f32[6,4]", transpose_b = true },
    { a = "f32[300,8]", b = "f32[8,4]" },
    { a = "f32[0,5]", b = "f32[5,4]" }, { a = "f32[2,0]", b = "f32[0,3]" },
    { a = "f32[0,2,3]", b = "f32[3,4]" },
  },
  thread_tol = 1e-6, -- below AVX-512 oneDNN may split a sum by threads
  errors = {
    { { a = "f32[3,5]", b = "f32[4,5]" }, "5 %(a%) and 4 %(b%).*f32%[3,5%].*f32%[4,5%]" },
    { { a = "f32[3]", b = "f32[3,4]" }, "at least 2 axes" },
    { { a = "f32[2,3,4]", b = "f32[3,4,5]" }, "sizes 2 and 3 at axis 1" },
  },
}
