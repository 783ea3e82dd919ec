local ref = require "tests.lib.ref"

return {
  def = function(a) return ref.like(a.x, function(i) return a.x[i] end) end,
  cases = {
    { x = "f32[2,3,4]" }, { x = "f32[]" }, { x = "f32[0,3]" }, { x = "f32[40,70,3]" },
    { x = "i64[5,6]" }, { x = "i32[5,6]" }, { x = "u8[33,34]" }, { x = "bool[3]" }, { x = "i64[17,40]" },
    { x = "f32[2,35,3,36]" },
  },
  more = {
    function() -- more tiles than a device has blocks at a time
      local ss = require "semisam"
      local n = 420
      local turned = ss.arange(n * n, { dtype = "i32" }):reshape({ n, n }):transpose(1, 2):copy():flat()
      for i = 0, n - 1 do
        for j = 0, n - 1 do assert(turned[i * n + j + 1] == j * n + i) end
      end
    end,
    function() -- turned copies of half numbers, one axis reversed, one repeated
      local ss = require "semisam"
      local x = ss.arange(40 * 33):to("f16"):reshape { 1, 40, 33 }:expand { 2, 40, 33 }
      local turned = x:flip({ dims = { 2 } }):permute({ 1, 3, 2 }):copy():flat()
      for i = 0, 32 do
        for j = 0, 39 do
          local want = ss.tensor((39 - j) * 33 + i):to("f16"):item()
          for b = 0, 1 do assert(turned[(b * 33 + i) * 40 + j + 1] == want) end
        end
      end
    end,
  },
}
