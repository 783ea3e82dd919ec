#!/bin/sh
# emulate.sh SCHEDULE-SEED — the operations' tests on the emulated device, with one order of threads
# and of streams. $SEMISAM is the program; a file in the folder $LAUNCHES gets what was launched.
schedule=${1%-*}
export SS_EMULATE_SCHEDULE="$schedule" SS_EMULATE_SEED="${1##*-}"
export SEMISAM_CUDA_MODULE="${SEMISAM%/*}/semisam_emulated.so" OMP_NUM_THREADS=1
export SS_EMULATE_LAUNCHES="$LAUNCHES/$schedule"
exec "$SEMISAM" tests/ops.lua device=cuda
