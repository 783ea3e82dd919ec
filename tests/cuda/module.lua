-- Where the CUDA modules of the build under test are.
local fs = require("semisam").fs
local run = require "tests.lib.run"

local folder = run.program:match "^(.*)/[^/]*$" or "."

return {
  folder = folder,
  ---The module that runs on the CPU; every build with tests has it.
  emulated = folder .. "/semisam_emulated.so",
  ---The module for a GPU, where nvcc was found; nil otherwise.
  real = fs.exists(folder .. "/semisam_cuda.so") and folder .. "/semisam_cuda.so" or nil,
}
