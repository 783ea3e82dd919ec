-- golden.lua — `semisam tests/golden.lua [FOLDER ...]`: recorded cases of the official networks,
-- all below the folders given (default: the subset kept in tests/golden).
local G = require "tests.lib.golden"

local roots = { table.unpack(arg or {}) }
if #roots == 0 then roots[1] = (arg[0]:match("^(.*)%.lua$")) end
os.exit(G.main(roots).failed == 0, true)
