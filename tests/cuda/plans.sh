#!/usr/bin/env bash
# The real cuDNN and cuBLASLt against the descriptors the module builds, without a GPU: plans for
# every convolution of the recipes and their networks on four GPUs.
#
#   tests/cuda/plans.sh [BUILD FOLDER]
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build/dev}
program=$build/tests/cuda_plans
shapes=$build/tests/conv_shapes.txt
if [ ! -x "$program" ]; then
    echo "skip cuDNN plans and cuBLASLt descriptors: no headers of CUDA and cuDNN were found when $build was configured"
    exit 0
fi
"$build/semisam" tests/cuda/shapes.lua >"$shapes"
exec "$program" "$shapes"
