-- test_golden.lua — the recorded cases kept with the source; see tests/golden.lua for more.
local G = require "tests.lib.golden"

os.exit(G.main({ (arg[0]:match("^(.*)/")) }).failed == 0, true)
