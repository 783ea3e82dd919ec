local ref = require "tests.lib.ref"
local resize = require "tests.ops.resize"

return {
  -- The transpose of resize: element i is what the image of the i-th unit array shares with dy.
  def = function(a)
    local shape, size = { table.unpack(a.dy.shape) }, {}
    for k, s in ipairs(a.size) do
      shape[k + 1], size[k] = s, a.dy.shape[k + 1]
    end
    local dx = ref.new(shape)
    for i = 1, #dx do
      local unit = ref.new(shape)
      unit[i] = 1
      local y = resize.def { x = unit, size = size, mode = a.mode,
        align_corners = a.align_corners, antialias = a.antialias }
      for j = 1, #y do dx[i] = dx[i] + y[j] * a.dy[j] end
    end
    return dx
  end,
  cases = {
    { dy = "f32[1,2,4,6,2]", size = { 2, 2, 3 }, mode = "nearest" },
    { dy = "f32[1,5,7,3]", size = { 3, 4 }, mode = "nearest" },
    { dy = "f32[1,3,2,1]", size = { 5, 6 }, mode = "nearest" },
    { dy = "f32[2,5,7,2]", size = { 3, 4 } },
    { dy = "f32[1,3,3,4,1]", size = { 2, 5, 3 } },
    { dy = "f32[1,5,4,2]", size = { 3, 6 }, align_corners = true },
    { dy = "f32[2,5,7,2]", size = { 3, 9 }, mode = "cubic" },
    { dy = "f32[1,5,4,1]", size = { 11, 3 }, antialias = true },
    { dy = "f32[1,2,3,4,2]", size = { 5, 2, 9 }, mode = "cubic", antialias = true },
  },
}
