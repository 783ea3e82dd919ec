#!/bin/sh
# run.sh [steps=doctor,ops,...] [ops=add,...] [device=cuda:0] — everything that wants a GPU,
# on this machine; see README.md beside it. Results go to $OUT, or to results/ here.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
out=${OUT:-$here/results}
mkdir -p "$out" || exit 1

# A bundle holds the program and its libraries; in a source tree $SEMISAM is the program.
if [ -x "$here/bin/semisam" ]; then
    for packed in "$here"/lib/*.gz "$here"/lib/semisam/*.gz; do
        [ -f "$packed" ] && gzip -d "$packed"
    done
    SEMISAM=$here/bin/semisam
    LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    cd "$here" || exit 1
else
    SEMISAM=$(realpath "${SEMISAM:-build/release/semisam}")
    cd "$here/../.." || exit 1
fi

# cuBLASLt and cuDNN: where the toolkit, the system or a Python environment has them.
python=$(command -v python3 || command -v python)
for folder in "${CUDA_HOME:-/usr/local/cuda}/lib64" \
    $([ -n "$python" ] && "$python" - <<'END' 2>/dev/null
import glob, site, sys
for place in site.getsitepackages() + [site.getusersitepackages()]:
    print(*glob.glob(place + "/nvidia/*/lib"))
END
    ); do
    [ -d "$folder" ] && LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$folder
done
export SEMISAM LD_LIBRARY_PATH

if ! "$SEMISAM" --version >"$out/version.log" 2>&1; then
    cat "$out/version.log" >&2
    echo "run.sh: the program does not start here; it wants glibc 2.36 or later (Debian 12, Ubuntu 24.04)" >&2
    exit 1
fi
exec "$SEMISAM" tests/gpu/suite.lua "out=$out" "python=$python" "$@"
