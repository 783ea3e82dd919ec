local ref = require "tests.lib.ref"

local range = { u8 = { 0, 255 }, i32 = { -2 ^ 31, 2 ^ 31 - 1 }, i64 = { -2 ^ 63, 2 ^ 63 } }

local function convert(x, dtype)
  if dtype == "bool" then return x ~= 0 and 1 or 0 end
  local r = range[dtype]
  if not r then return x end
  if x ~= x then return 0 end
  local low = math.floor(x)
  local d = x - low
  local whole = (d > 0.5 or (d == 0.5 and low % 2 == 1)) and low + 1 or low
  return math.max(r[1], math.min(r[2], whole))
end

local ends = {
  shape = { 8 },
  fill = function(i) return ({ 0 / 0, 0.5, 1.5, 2.5, -0.5, -1.5, 300, -3 })[i] end,
}

return {
  def = function(a) return ref.like(a.x, function(i) return convert(a.x[i], a.dtype) end) end,
  cases = {
    { x = "f32[2,3,4]", dtype = "f32" }, { x = "f32[20]", dtype = "i32" },
    { x = "f32[20]", dtype = "bool" },
    { x = "i64[20]", dtype = "f32" }, { x = "i32[20]", dtype = "u8" }, { x = "u8[20]", dtype = "i64" },
    { x = "bool[20]", dtype = "f32" }, { x = "f32[0]", dtype = "u8" }, { x = "f32[]", dtype = "i64" },
    { x = ends, dtype = "u8" }, { x = ends, dtype = "i32" }, { x = ends, dtype = "i64" },
    { x = ends, dtype = "bool" },
  },
  grad = false, -- of whole numbers; the float to float one is below
  more = {
    function() -- turned and spread views round as dense ones do
      local ss = require "semisam"
      local x = ss.uniform({ 19, 70, 1, 36 }, 1)
      local function same(a, b) assert(table.concat(a:flat(), " ") == table.concat(b:flat(), " ")) end
      for _, dtype in ipairs { "bf16", "f16" } do
        local y = x:to(dtype)
        for _, order in ipairs { { 4, 3, 2, 1 }, { 2, 4, 3, 1 }, { 1, 4, 2, 3 } } do
          same(x:permute(order):to(dtype), y:permute(order))
        end
        same(x:slice(4, 1, 36, 3):to(dtype), y:slice(4, 1, 36, 3))
        same(x:slice(4, 2, 2):expand { 19, 70, 1, 66 }:to(dtype), y:slice(4, 2, 2):expand { 19, 70, 1, 66 })
      end
    end,
    function()
      local ss = require "semisam"
      local x = ss.tensor({ 1, 2.5, -3 }):requires_grad_(true)
      local y = x:cast "bf16"
      assert(y.dtype == "bf16");
      (y * y):sum():backward()
      assert(x.grad.dtype == "f32" and table.concat(x.grad:flat(), " ") == "2.0 5.0 -6.0")
      for _, dtype in ipairs { "f16", "bf16" } do -- every half survives the way to f32
        local bits = {}
        for i = 0, 65535 do bits[i + 1] = string.pack("<I2", i) end
        local h = ss.frombytes(table.concat(bits), dtype, { 65536 })
        local back = h:cast("f32"):cast(dtype)
        assert(h:eq(back):logical_or(h:ne(h)):all():item() == true, dtype)
      end
    end,
  },
}
