-- golden.lua — `semisam tests/golden.lua [dtype=bf16|f16] [device=cuda] [FOLDER ...]`: recorded cases of
-- the official networks, all below the folders given (default: the subset kept in tests/golden). With a
-- dtype the networks compute in that type, and their errors are measured.
local G = require "tests.lib.golden"

local roots, dtype = {}, nil
for _, word in ipairs(arg or {}) do
  local key, value = word:match "^(%a+)=(.*)$"
  if key == "dtype" then
    dtype = value
  elseif key == "device" then
    require("semisam").default_device(value)
  else
    roots[#roots + 1] = word
  end
end
if #roots == 0 then roots[1] = (arg[0]:match("^(.*)%.lua$")) end
os.exit(G.main(roots, dtype).failed == 0, true)
