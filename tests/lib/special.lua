-- Values that differences cannot check: infinities, NaN, far ends. special(op, inputs, wanted)
-- gives a check for `more` of an op's test file; wanted numbers are met within 1e-6 of their size.
local ss = require "semisam"

local function same(got, want)
  if want ~= want then return got ~= got end
  return got == want or math.abs(got - want) <= 1e-6 * math.abs(want)
end

---@param op string name of an op with one tensor argument
---@param inputs number[]
---@param wanted number[]
---@param attrs? table
---@return fun()
return function(op, inputs, wanted, attrs)
  return function()
    local got = ss[op](ss.tensor(inputs), attrs or {}):flat()
    for i, v in ipairs(got) do
      assert(same(v, wanted[i]), ("%s(%g) is %.9g, want %.9g"):format(op, inputs[i], v, wanted[i]))
    end
  end
end
