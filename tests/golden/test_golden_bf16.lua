-- test_golden_bf16.lua — the recorded cases kept with the source, computed in bf16.
local G = require "tests.lib.golden"

os.exit(G.main({ (arg[0]:match("^(.*)/")) }, "bf16").failed == 0, true)
