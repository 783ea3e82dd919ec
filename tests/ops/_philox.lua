-- Known answers published with the generator (Random123, kat_vectors, philox4x32 10 rounds).
local ref = require "tests.lib.ref"

local known = {
  { key = 0, lo = 0, hi = 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 },
  { key = -1, lo = -1, hi = -1, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd },
  {
    key = 0x299f31d0a4093822, lo = 0x85a308d3243f6a88, hi = 0x0370734413198a2e,
    0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
  },
}

local cases = {}
for i, k in ipairs(known) do cases[i] = { key = k.key, lo = k.lo, hi = k.hi } end

return {
  def = function(a)
    for _, k in ipairs(known) do
      if k.key == a.key and k.lo == a.lo and k.hi == (a.hi or 0) then
        return ref.new({ 4 }, function(i) return k[i] end)
      end
    end
    error("no known answer for this counter")
  end,
  cases = cases,
  tol = 0,
  grad = false,
}
