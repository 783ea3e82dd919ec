#!/usr/bin/env bash
# bundle.sh BUILD — makes BUILD/gpu-bundle, the folder that tests/gpu/README.md describes.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1
to=$build/gpu-bundle
limit=60000000

rm -rf "$to"
mkdir -p "$to/bin" "$to/lib/semisam" "$to/share/semisam" "$to/tests"
install -s "$build/semisam" "$to/bin/semisam"
install -s "$build/semisam_cuda.so" "$to/lib/semisam/semisam_cuda.so"
mkdir "$to/share/semisam/lua"
cp -r lua/semisam "$to/share/semisam/lua/"
cp -r recipes "$to/share/semisam/"
cp -r recipes "$to/" # as the tests name them
cp -r tests/ops tests/lib tests/golden tests/gpu tests/peers tests/cuda tests/ops.lua tests/golden.lua "$to/tests/"
mkdir "$to/tests/lua"
cp tests/lua/test_plan.lua "$to/tests/lua/"
cp tests/gpu/run.sh tests/gpu/README.md LICENSE "$to/"

# Every library but those that come with the system's C library. All are packed: run.sh unpacks them.
ldd "$build/semisam" | awk '$3 ~ /^\// { print $3 }' |
    grep -vE '/(ld-linux[^/]*|lib(c|m|dl|rt|pthread))\.so' | while read -r library; do
    cp -L "$library" "$to/lib/"
done
gzip -9 "$to"/lib/*.so* "$to"/lib/semisam/*.so

bytes=$(du -sb "$to" | cut -f 1)
printf '%s: %d MB\n' "$to" $((bytes / 1000000))
if [ "$bytes" -gt "$limit" ]; then
    echo "bundle.sh: over $((limit / 1000000)) MB" >&2
    exit 1
fi
