#!/usr/bin/env bash
# Form and layering: formatters, linters, size limits, and who may include or call what.
cd "$(dirname "$0")/.." || exit 1
passed=0
failed=0

check() { # check NAME OUTPUT — no output is a pass
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n%s\n' "$1" "$(printf '%s' "$2" | head -n 40)"
    fi
}
tracked() { git ls-files -co --exclude-standard -- "$@" | while read -r f; do [ -f "$f" ] && echo "$f"; done; }

mapfile -t c_files < <(tracked '*.c' '*.h' '*.cu' '*.cpp')
mapfile -t lua_files < <(tracked '*.lua' ':!lua/meta')
mapfile -t shell_files < <(tracked tests/run .ci/run '*.sh' recipes/quickstart)
mapfile -t library < <(tracked 'core/*.[ch]' 'kernels/*.[ch]' 'kernels/support/*.[ch]' 'kernels/*.cu' 'kernels/cuda/*.[ch]')
mapfile -t binding < <(tracked 'lua/*.[ch]')

# ---- form
for tool in clang-format luacheck; do
    check "$tool is installed" "$(command -v $tool >/dev/null || echo "not found: $tool")"
done
check clang-format "$(clang-format --dry-run -Werror "${c_files[@]}" 2>&1 | grep -E 'error|rror:' | head -n 20)"
check luacheck "$(luacheck -q --no-color "${lua_files[@]}" 2>&1 | grep -E ':[0-9]+:')"
if command -v shellcheck >/dev/null; then
    check shellcheck "$(shellcheck -S warning "${shell_files[@]}" 2>&1)"
fi
check "tabs or trailing blanks" "$(grep -nP '\t|[ ]+$' "${c_files[@]}" "${lua_files[@]}")"
check "open ends" "$(grep -nwE 'TODO|FIXME|XXX|HACK' "${c_files[@]}" "${lua_files[@]}" "${shell_files[@]}" |
    grep -v '^tests/lint.sh')"

# ---- size
long() { # long LIMIT FILE...
    local limit=$1
    shift
    wc -l "$@" | awk -v n="$limit" '$2 != "total" && $1 > n { print $2 ": " $1 " lines, at most " n }'
}
check "C file size" "$(long 500 "${c_files[@]}")"
check "Lua file size" "$(long 300 "${lua_files[@]}")"
# A test may list its cases at length.
check "C function size" "$(awk 'FNR == 1 { start = 0 }
    /^\{/ { start = FNR }
    /^\}/ && start { if (FNR - start > (FILENAME ~ /^tests/ ? 100 : 60)) print FILENAME ":" start ": function of " FNR - start " lines"; start = 0 }' \
    "${c_files[@]}")"
check "Lua function size" "$(awk 'FNR == 1 { start = 0 }
    /^(local )?function / && !/ end$/ { start = FNR }
    /^end/ && start { if (FNR - start > (FILENAME ~ /^tests/ ? 100 : 60)) print FILENAME ":" start ": function of " FNR - start " lines"; start = 0 }' \
    "${lua_files[@]}")"

# ---- layers
check "Lua outside lua/" "$(grep -nE '#include *[<"](lua|lauxlib|lualib)' "${library[@]}")"
check "kernels know core" "$(tracked 'kernels/*.[ch]' 'kernels/*.cu' | xargs grep -nE \
    '#include *"(semisam|core|context|storage|tensor|tape|device)\.h"')"
check "binding reaches into core" "$(grep -nE '#include *"core\.h"' "${binding[@]}")"
check "library prints or exits" "$(grep -nwE \
    '(printf|fprintf|vprintf|puts|fputs|putchar|perror|abort|exit|_exit|assert)[ ]*\(' "${library[@]}" |
    grep -v '__attribute__((format')"
# scope.c and checkpoint.c pass on what a protected call of the user's function raised.
check "raw lua_error outside lua/error.c" "$(grep -nw 'lua_error' "${binding[@]}" |
    grep -vE '^lua/(error|scope|checkpoint)\.c')"
# Twins include what kernels/cuda offers; only that folder includes NVIDIA's headers.
check "CUDA headers outside kernels/cuda" "$(grep -nE '#include *(<(cuda|cublas|cudnn|nvrtc|driver_types|mma)|"cuda/)' \
    "${library[@]}" "${binding[@]}" | grep -vE '^kernels/(cuda/[^:]*:[0-9]+:#include *<|[^:/]*\.cu:[0-9]+:#include *")')"
check "recipes use only the public modules" "$(tracked 'recipes/*.lua' |
    xargs -r grep -nE 'require *\(?"' | grep -vE 'require *\(?"(semisam|recipes)[".]')"

# ---- completeness
check "every op has its test" "$(for op in kernels/*.c; do
    op=$(basename "$op" .c)
    [ -f "tests/ops/$op.lua" ] || echo "kernels/$op.c has no tests/ops/$op.lua"
done)"
check "top level" "$(git ls-files -co --exclude-standard | cut -d/ -f1 | sort -u | grep -vxE \
    '\..*|CMakeLists.txt|CMakePresets.json|README.md|LICENSE|core|lua|kernels|recipes|tests|docs')"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
