-- test_golden_f16.lua — the recorded cases kept with the source, computed in f16.
local G = require "tests.lib.golden"

os.exit(G.main({ (arg[0]:match("^(.*)/")) }, "f16").failed == 0, true)
