local ref = require "tests.lib.ref"
local t = require "tests.lib.t"
local ss = require "semisam"

-- The sanitizers are slow: there f16, which every emulated card has tensor cores for, stands for both.
local REDUCED = os.getenv "SEMISAM_TEST" == "reduced"
local HALVES = REDUCED and { "f16" } or { "bf16", "f16" }

-- Indices (from 0) of token i (from 1) on a grid.
local function place(i, grid)
  local p, rest = {}, i - 1
  for axis = #grid, 1, -1 do
    p[axis], rest = rest % grid[axis], rest // grid[axis]
  end
  return p
end

-- All tokens of the window, those of the grid first: { real = index or nil, p = indices }.
local function tokens(grid, window)
  local real, padded, n = {}, {}, ref.count(window)
  for i = 1, n do
    local p, inside, at = place(i, window), true, 0
    for axis = 1, #grid do
      inside = inside and p[axis] < grid[axis]
      at = at * grid[axis] + p[axis]
    end
    if inside then real[at + 1] = { real = at + 1, p = p } else padded[#padded + 1] = { p = p } end
  end
  for _, x in ipairs(padded) do real[#real + 1] = x end
  return real
end

local function def(a)
  local N, tq, H, E = table.unpack(a.q.shape)
  local tk, y = a.k.shape[2], ref.like(a.q)
  local scale = a.scale or 1 / math.sqrt(E)
  local keys = {}
  for i = 1, tk do keys[i] = { real = i } end
  if a.grid then keys = tokens(a.grid, a.window or a.grid) end

  local seen -- vectors of the head at hand, by which and token
  -- Vector `which` (1 to 3 for q, k, v) of a real or padding token.
  local function vector(which, n, token, h)
    local v = seen[which][token]
    if v then return v end
    local x = ({ a.q, a.k, a.v })[which]
    v = {}
    for j = 1, E do
      v[j] = token.real and ref.get(x, n, token.real, h, j) or ref.get(a.pad, which, h, j)
    end
    seen[which][token] = v
    return v
  end
  local function dot(u, v)
    local s = 0
    for j = 1, E do s = s + u[j] * v[j] end
    return s
  end
  local function row(table_, at)
    local v = {}
    for j = 1, E do v[j] = ref.get(table_, at + 1, j) end
    return v
  end
  local size = a.window or a.grid
  local terms = {} -- of the head at hand: by token, table and row

  local function term(n, h, token, name, at)
    local of = terms[token] or { rel_d = {}, rel_h = {}, rel_w = {} }
    terms[token] = of
    of[name][at] = of[name][at] or dot(vector(1, n, token, h), row(a[name], at))
    return of[name][at]
  end
  local line = {} -- official form: tokens by their three indices
  local function place_of(p, c) return (p[1] * 1000 + p[2]) * 1000 + c end
  if a.rel == "3d_official" then
    for _, x in ipairs(keys) do line[place_of(x.p, x.p[3])] = x end
  end

  local function position(n, h, query, key)
    local p, k = query.p, key.p
    if a.rel == "2d" then
      return term(n, h, query, "rel_h", p[1] - k[1] + size[1] - 1)
        + term(n, h, query, "rel_w", p[2] - k[2] + size[2] - 1)
    elseif a.rel == "3d" then
      return term(n, h, query, "rel_d", p[1] - k[1] + size[1] - 1)
        + term(n, h, query, "rel_h", p[2] - k[2] + size[2] - 1)
        + term(n, h, query, "rel_w", p[3] - k[3] + size[3] - 1)
    elseif a.rel == "3d_official" then -- two of the terms are those of other queries of the line
      local s = size[1]
      return term(n, h, query, "rel_d", p[1] - k[3] + s - 1)
        + term(n, h, line[place_of(p, k[1])], "rel_h", p[2] - k[3] + s - 1)
        + term(n, h, line[place_of(p, k[2])], "rel_w", k[2] - k[3] + s - 1)
    end
    return 0
  end

  for n = 1, N do
    for h = 1, H do
      terms, seen = {}, { {}, {}, {} }
      for i = 1, tq do
        local query, logits, max = a.grid and keys[i] or { real = i }, {}, -math.huge
        local q = vector(1, n, query, h)
        for j, key in ipairs(keys) do
          local s = scale * dot(q, vector(2, n, key, h)) + position(n, h, query, key)
          if a.bias and key.real then
            local b = a.bias
            s = s + ref.get(b, b.shape[1] > 1 and n or 1, b.shape[2] > 1 and h or 1, i, j)
          end
          logits[j], max = s, math.max(max, s)
        end
        local sum, out = 0, {}
        for j, key in ipairs(keys) do
          local p, v = math.exp(logits[j] - max), vector(3, n, key, h)
          sum = sum + p
          for e = 1, E do out[e] = (out[e] or 0) + p * v[e] end
        end
        for e = 1, E do y[ref.index(y, n, i, h, e)] = (out[e] or 0) / (sum == 0 and 1 or sum) end
      end
    end
  end
  return y
end

local function qkv(shape, more)
  local c = { q = shape, k = shape, v = shape }
  for k, v in pairs(more) do c[k] = v end
  return c
end

return {
  def = def,
  cases = {
    { q = "f32[2,3,2,4]", k = "f32[2,5,2,4]", v = "f32[2,5,2,4]" },
    qkv("f32[1,70,1,3]", { scale = 0.3 }),
    qkv("f32[2,3,2,4]", { bias = "f32[1,2,3,3]" }),
    qkv("f32[2,3,2,4]", { bias = "f32[2,1,3,3]" }),
    qkv("f32[2,6,2,3]", { rel = "2d", grid = { 2, 3 }, rel_h = "f32[3,3]", rel_w = "f32[5,3]" }),
    qkv("f32[1,6,2,3]", { rel = "2d", grid = { 2, 3 }, window = { 4, 4 }, rel_h = "f32[7,3]",
      rel_w = "f32[7,3]", pad = "f32[3,2,3]", scale = 0.8 }),
    qkv("f32[1,12,1,3]", { rel = "3d", grid = { 2, 3, 2 }, rel_d = "f32[3,3]", rel_h = "f32[5,3]",
      rel_w = "f32[3,3]" }),
    qkv("f32[1,6,2,2]", { rel = "3d", grid = { 1, 3, 2 }, window = { 2, 3, 3 }, rel_d = "f32[3,2]",
      rel_h = "f32[5,2]", rel_w = "f32[5,2]", pad = "f32[3,2,2]" }),
    qkv("f32[1,8,2,3]", { rel = "3d_official", grid = { 2, 2, 2 }, rel_d = "f32[3,3]", rel_h = "f32[3,3]",
      rel_w = "f32[3,3]" }),
    qkv("f32[2,8,1,3]", { rel = "3d_official", grid = { 2, 2, 2 }, window = { 3, 3, 3 }, rel_d = "f32[5,3]",
      rel_h = "f32[5,3]", rel_w = "f32[5,3]", pad = "f32[3,1,3]" }),
    qkv("f32[2,4,2,3]", { grid = { 4 }, window = { 7 }, pad = "f32[3,2,3]" }),
    { q = "f32[2,37,2,40]", k = "f32[2,70,2,40]", v = "f32[2,70,2,40]" },
    { q = "f32[1,20,1,32]", k = "f32[1,35,1,32]", v = "f32[1,35,1,32]", grid = { 5, 7 },
      window = { 7, 7 }, pad = "f32[3,1,32]" },
    -- more queries and keys than one tile holds, with positions
    qkv("f32[1,66,1,2]", { rel = "2d", grid = { 6, 11 }, window = { 6, 12 }, rel_h = "f32[11,2]",
      rel_w = "f32[23,2]", pad = "f32[3,1,2]" }),
    qkv("f32[1,64,1,2]", { rel = "3d_official", grid = { 4, 4, 4 }, window = { 5, 5, 5 }, rel_d = "f32[9,2]",
      rel_h = "f32[9,2]", rel_w = "f32[9,2]", pad = "f32[3,1,2]" }),
    { q = "f32[0,3,2,4]", k = "f32[0,5,2,4]", v = "f32[0,5,2,4]" },
    { q = "f32[1,3,1,2]", k = "f32[1,0,1,2]", v = "f32[1,0,1,2]" },
  },
  half = 4e-2,
  tol = 1e-5,
  errors = {
    { { q = "f32[2,3,4]", k = "f32[2,3,4]", v = "f32[2,3,4]" }, "%[n, tokens, heads, e%]" },
    { { q = "f32[2,3,1,4]", k = "f32[2,3,1,5]", v = "f32[2,3,1,5]" }, "differ at axis 4" },
    { qkv("f32[1,4,1,2]", { rel = "2d", rel_h = "f32[3,2]", rel_w = "f32[3,2]" }), "grid is needed" },
    { qkv("f32[1,4,1,2]", { rel = "2d", grid = { 2, 2 }, rel_h = "f32[3,2]" }), "rel_w is missing" },
    { qkv("f32[1,4,1,2]", { rel = "2d", grid = { 2, 2 }, rel_h = "f32[3,2]", rel_w = "f32[2,2]" }),
      "rel_w must be %[3, 2%]" },
    { qkv("f32[1,4,1,2]", { rel = "2d", grid = { 2, 3 }, rel_h = "f32[3,2]", rel_w = "f32[5,2]" }),
      "6 tokens" },
    { qkv("f32[1,4,1,2]", { grid = { 4 }, window = { 5 } }), "pad must be given" },
    { qkv("f32[1,4,1,2]", { bias = "f32[1,1,4,3]" }), "bias must be %[1 or 1, 1 or 1, 4, 4%]" },
    { qkv("f32[1,2,1,2]", { rel = "3d_official", grid = { 1, 1, 2 }, rel_d = "f32[1,2]", rel_h = "f32[1,2]",
      rel_w = "f32[3,2]" }), "cubic" },
  },
  more = {
    function() -- all widths of the networks' heads and one beyond, in several tiles: as written out
      for _, e in ipairs { 16, 32, 56, 64, 80, 96, 128, 256, 300 } do
        local x, dy = {}, ss.normal({ 1, 70, 2, e }, 4)
        for i, rows in ipairs { 70, 130, 130 } do x[i] = ss.normal({ 1, rows, 2, e }, i) end
        local function run(attend)
          local a = {}
          for i = 1, 3 do a[i] = x[i]:copy():requires_grad_(true) end
          local y = attend(a[1], a[2], a[3])
          local loss = (y * dy):sum()
          loss:backward()
          return { y, a[1].grad, a[2].grad, a[3].grad }
        end
        local got = run(ss.attention)
        local want = run(function(q, k, v)
          local function heads(z) return z:permute { 1, 3, 2, 4 } end
          local p = ss.matmul(heads(q), heads(k):permute { 1, 2, 4, 3 }) * (1 / math.sqrt(e))
          return heads(ss.matmul(p:softmax(), heads(v)))
        end)
        for i = 1, 4 do
          local off, size = (got[i] - want[i]):abs():max():item(), want[i]:abs():max():item()
          t.ok(off <= 2e-5 * size, ("width %d, result %d is off by %g of %g"):format(e, i, off, size))
        end
      end
    end,
    function() -- bf16, several chunks of keys, logits far apart: as f32 says
      local q = ss.normal({ 1, 150, 2, 48 }, 1) * 3
      local k, v = ss.normal({ 1, 700, 2, 48 }, 2) * 2, ss.normal({ 1, 700, 2, 48 }, 3)
      local function half(x) return x:to "bf16" end
      q, k, v = half(q), half(k), half(v)
      local want = ss.attention(q:to "f32", k:to "f32", v:to "f32")
      local got = ss.attention(q, k, v):to "f32"
      t.ok((got - want):abs():max():item() < 0.02 * want:abs():max():item())
    end,
    function() -- 16 bits, all widths, keys in one part and in several: as f32 says
      for _, type in ipairs(HALVES) do
        for _, e in ipairs(REDUCED and { 24, 104, 256 } or { 8, 16, 24, 32, 56, 64, 96, 104, 128, 256 }) do
          for _, tk in ipairs { 130, 520 } do
            local q = ss.normal({ 1, 70, 1, e }, 1):to(type)
            local k, v = ss.normal({ 1, tk, 1, e }, 2):to(type), ss.normal({ 1, tk, 1, e }, 3):to(type)
            local want = ss.attention(q:to "f32", k:to "f32", v:to "f32")
            local off = (ss.attention(q, k, v):to "f32" - want):abs():max():item()
            t.ok(off < 0.01 * want:abs():max():item(), ("%s, width %d, %d keys: off by %g"):format(
              type, e, tk, off))
          end
        end
      end
    end,
    function() -- 16 bits in every form: as f32 says for the same numbers, on one thread and on two
      local function half(shape, key, f) return (ss.normal(shape, key) * (f or 1)):to "bf16" end
      local forms = {
        { t = 64, rel = "2d", grid = { 8, 8 }, window = { 14, 14 } },
        { t = 64, n = 9, rel = "2d", grid = { 8, 8 } },
        { t = 60, rel = "2d", grid = { 3, 20 }, window = { 5, 22 } },
        { t = 64, rel = "3d", grid = { 4, 4, 4 }, window = { 5, 6, 7 }, scale = 0.4 },
        { t = 125, rel = "3d_official", grid = { 5, 5, 5 }, window = { 7, 7, 7 } },
        { t = 27, rel = "3d_official", grid = { 3, 3, 3 }, window = { 18, 18, 18 }, bias = true },
        { t = 512, rel = "3d_official", grid = { 8, 8, 8 } },
        { t = 64, rel = "2d", grid = { 8, 8 }, window = { 9, 11 }, tables = "f32", far = 20 },
        { t = 27, rel = "3d_official", grid = { 3, 3, 3 }, window = { 5, 5, 5 }, tables = "f32", far = 20 },
        { t = 70, grid = { 7, 10 }, window = { 7, 11 } },
        { t = 20, e = 16, rel = "2d", grid = { 4, 5 } },
        { t = 64, e = 64, rel = "2d", grid = { 8, 8 }, window = { 9, 8 } },
        { t = 70, e = 80, rel = "2d", grid = { 7, 10 } },
        { t = 9, e = 24, bias = true }, { t = 600, bias = true, e = 40 },
      }
      for i, f in ipairs(forms) do
        local n, e, w, all = f.n or 2, f.e or 32, f.window or f.grid or {}, 1
        local x, rel = half({ n, f.t, 3, 2, e }, i), {}
        for a = 1, #w do
          rel[a], all = f.rel and half({ 2 * w[a] - 1, e }, 10 + a, 0.4), all * w[a]
          if f.tables then rel[a] = ss.normal({ 2 * w[a] - 1, e }, 10 + a) * f.far end
        end
        local d, h, wide = rel[1], rel[2], rel[3]
        if #w == 2 then d, h, wide = nil, rel[1], rel[2] end
        local pad = #w > 0 and all > f.t and half({ 3, 2, e }, 20) or nil
        local bias = f.bias and half({ 1, 2, f.t, f.t }, 30) or nil
        local o = { rel = f.rel, grid = f.grid, window = f.window, scale = f.scale }
        local function run(to)
          local function as(v) return v and v:to(to) or nil end
          local function table_as(v) return v and v:to(f.tables or to) or nil end
          return ss.attention(as(x):select(3, 1), as(x):select(3, 2), as(x):select(3, 3), as(bias),
            table_as(h), table_as(wide), table_as(d), as(pad), o)
        end
        local want, threads = run "f32", ss.threads()
        for _, type in ipairs(HALVES) do
          local got = run(type)
          local off = (got:to "f32" - want):abs():max():item()
          t.ok(off < 0.01 * want:abs():max():item(), ("form %d in %s is off by %g"):format(i, type, off))
          for count = 1, 2 do
            ss.threads(count)
            t.eq(run(type):flat(), got:flat())
          end
          ss.threads(threads)
        end
      end
    end,
    function() -- bf16, masked keys: whole chunks of them, and whole rows
      local x = ss.normal({ 1, 640, 3, 1, 32 }, 5):to "bf16"
      local q, k, v = x:select(3, 1), x:select(3, 2), x:select(3, 3)
      local mask = ss.cat({ ss.full({ 1, 1, 640, 600 }, -math.huge), ss.zeros { 1, 1, 640, 40 } }, 4)
      local few = { k:slice(2, 601, 640), v:slice(2, 601, 640) }
      local want = ss.attention(q, few[1], few[2]):to "f32"
      local got = ss.attention(q, k, v, mask:to "bf16"):to "f32"
      t.ok((got - want):abs():max():item() < 0.01)
      local none = ss.attention(q, k, v, ss.full({ 1, 1, 640, 640 }, -math.huge):to "bf16")
      t.ok(not none:to "f32":isfinite():any():item())
    end,
    function() -- q, k and v as views of one packed tensor, more tokens than one block
      local x = ss.normal({ 2, 150, 3, 2, 16 }, { key = 4 })
      local q, k, v = x:select(3, 1), x:select(3, 2), x:select(3, 3)
      local want = ss.attention(q:copy(), k:copy(), v:copy()):flat()
      t.eq(ss.attention(q, k, v):flat(), want)
    end,
  },
}
