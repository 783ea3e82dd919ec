return {
  def = function(a)
    local ref = require "tests.lib.ref"
    return ref.like(a.x, function(i)
      local y = a.y[ref.broadcast(a.y, ref.where(a.x, i))]
      local whole = a.x.dtype == "f32" and y or y < 0 and math.ceil(y - 0.5) or math.floor(y + 0.5)
      return a.x.dtype == "u8" and math.max(0, whole) or whole
    end)
  end,
  cases = {
    { x = "f32[2,3,4]", y = "f32[2,3,4]" }, { x = "f32[2,3,4]", y = "f32[4]" },
    { x = "f32[2,3,4]", y = "f32[3,1]" }, { x = "f32[]", y = "f32[]" }, { x = "f32[0,3]", y = "f32[3]" },
    { x = "i32[20]", y = "f32[20]" }, { x = "u8[20]", y = "f32[20]" }, { x = "f32[20]", y = "bool[20]" },
    { x = "i64[20]", y = "u8[20]" },
  },
  errors = {
    { { x = "f32[2]", y = "f32[3]" }, "does not broadcast.*f32%[2%].*f32%[3%]" },
    { { x = "f32[2]", y = "f32[2,2]" }, "does not broadcast" },
  },
  more = {
    function() -- into a view, and refusals
      local ss = require "semisam"
      local x = ss.zeros { 4, 3 }
      x:slice(1, 2, 4, 2):select(2, 3):copy_(ss.tensor { 5, 7 })
      assert(table.concat(x:flat(), " ") == "0.0 0.0 0.0 0.0 0.0 5.0 0.0 0.0 0.0 0.0 0.0 7.0")
      local v = ss.arange(6)
      local ok, err = pcall(function() v:slice(1, 2, 6):copy_(v:slice(1, 1, 5)) end)
      assert(not ok and tostring(err):find "same memory", tostring(err))
      ok, err = pcall(function() ss.zeros({ 1 }):expand({ 4 }):copy_(ss.ones { 4 }) end)
      assert(not ok and tostring(err):find "axis 1 repeats", tostring(err))
      v:copy_(v) -- onto itself
      assert(v:flat()[6] == 5)
    end,
  },
}
